"""Responses of files, for a representation of known bytes."""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from service.http.concurrency_limit import ConcurrencyLimit
from service.http.errors import Limit
from service.http.ranges import ByteRange
from service.http.responses import CACHE_CONTROL, Chunk, Representation, StreamedResponse, file_response
from service.server.app import create_app
from service.server.error_handlers import install_handlers
from service.settings import Settings

DATA = bytes(range(256)) * 8
SIZE = len(DATA)
ETAG = '"tag"'
STREAMS = ConcurrencyLimit(Limit.STREAMS, 100, "streams files")


class Known(Representation):
    """A representation of `data`, in chunks of 100 bytes; counts what it was asked for."""

    etag = ETAG
    headers = {"Vary": "Accept", "Content-Location": "/there"}  # noqa: RUF012
    content_headers = {"Content-Type": "application/octet-stream"}  # noqa: RUF012

    def __init__(self, data: bytes = DATA, fail_at: int | None = None, *, quick: bool = False) -> None:
        self.data = data
        self.fail_at = fail_at
        self.quick = quick
        self.sized = self.computed = 0
        self.closed = False

    async def size(self) -> int:
        self.sized += 1
        return len(self.data)

    def at_once(self, start: int, stop: int) -> memoryview | None:
        if not self.quick:
            return None
        self.computed += 1
        return memoryview(self.data)[start:stop]

    async def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        try:
            for at in range(start, stop, 100):
                if self.fail_at is not None and at >= self.fail_at:
                    raise ValueError("secret")
                self.computed += 1
                await asyncio.sleep(0)
                yield memoryview(self.data)[at : min(at + 100, stop)]
        finally:
            self.closed = True


@pytest.fixture(params=[False, True], ids=["streamed", "at once"])
def known(request: pytest.FixtureRequest) -> Known:
    return Known(quick=request.param)


@pytest.fixture
def ask(known: Known, start: Callable[[FastAPI], AbstractContextManager]) -> Any:
    """Sends a request for the known representation."""
    app = FastAPI(openapi_url=None)

    @app.api_route("/", methods=["GET", "HEAD", "POST"])
    async def answer(request: Request) -> Response:
        return await file_response(request, known, STREAMS)

    install_handlers(app)
    with start(app) as client:
        yield lambda method="GET", headers=None: client.request(method, "/", headers=headers or {})


def test_the_whole(ask: Any) -> None:
    response: httpx.Response = ask()
    assert response.status_code == 200
    assert response.content == DATA
    assert dict(response.headers) == {
        "etag": ETAG,
        "cache-control": CACHE_CONTROL,
        "vary": "Accept",
        "content-location": "/there",
        "accept-ranges": "bytes",
        "content-type": "application/octet-stream",
        "content-length": str(SIZE),
    }


def test_head_has_the_headers_of_get_and_computes_nothing(ask: Any, known: Known) -> None:
    head = ask("HEAD", {"Range": "bytes=0-9"})
    assert known.computed == 0
    get = ask("GET")
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(get.headers)


def test_one_range(ask: Any) -> None:
    response = ask("GET", {"Range": "bytes=100-299"})
    assert response.status_code == 206
    assert response.content == DATA[100:300]
    assert response.headers["content-range"] == f"bytes 100-299/{SIZE}"
    assert response.headers["content-length"] == "200"
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["etag"] == ETAG
    assert response.headers["content-location"] == "/there"


def test_several_ranges_are_parts(ask: Any) -> None:
    response = ask("GET", {"Range": "bytes=-10,0-9,1000-1099"})
    assert response.status_code == 206
    assert "content-range" not in response.headers
    assert int(response.headers["content-length"]) == len(response.content)
    head = f"Content-Type: {response.headers['content-type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + response.content)
    parts = list(message.iter_parts())
    expected = [(SIZE - 10, SIZE), (0, 10), (1000, 1100)]
    assert [part["content-range"] for part in parts] == [f"bytes {a}-{b - 1}/{SIZE}" for a, b in expected]
    assert all(part.get_content_type() == "application/octet-stream" for part in parts)
    boundary = response.headers["content-type"].partition("boundary=")[2].encode()
    bodies = [
        piece.partition(b"\r\n\r\n")[2][:-2] for piece in response.content.split(b"--" + boundary)[1:-1]
    ]
    assert bodies == [DATA[a:b] for a, b in expected]
    assert response.content.endswith(b"\r\n--" + boundary + b"--\r\n")


@pytest.mark.parametrize("field", ["bytes=2048-", "bytes=5-1", "bytes=x", "bytes=0-9,5-15,7-20"])
def test_an_unsatisfiable_range_is_a_problem_with_the_size(ask: Any, known: Known, field: str) -> None:
    response = ask("GET", {"Range": field})
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{SIZE}"
    assert response.json()["type"] == "urn:tensorseed:problem:unsatisfiable-range"
    assert known.computed == 0


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [  # RFC 9110, section 13.2.2, step by step
        ("GET", {"If-Match": '"tag"'}, 200),
        ("GET", {"If-Match": "*"}, 200),
        ("GET", {"If-Match": '"other"'}, 412),
        ("GET", {"If-Match": 'W/"tag"'}, 412),
        ("HEAD", {"If-Match": '"other"'}, 412),
        ("POST", {"If-Match": '"other"'}, 412),
        ("POST", {"If-Match": '"tag"'}, 200),
        ("GET", {"If-Match": '"other"', "If-None-Match": '"tag"'}, 412),
        ("GET", {"If-Match": '"tag"', "If-None-Match": '"tag"'}, 304),
        ("GET", {"If-None-Match": '"tag"'}, 304),
        ("GET", {"If-None-Match": 'W/"tag"'}, 304),
        ("GET", {"If-None-Match": '"a", "tag"'}, 304),
        ("GET", {"If-None-Match": "*"}, 304),
        ("HEAD", {"If-None-Match": '"tag"'}, 304),
        ("POST", {"If-None-Match": '"tag"'}, 412),
        ("POST", {"If-None-Match": "*"}, 412),
        ("POST", {"If-None-Match": '"other"'}, 200),
        ("GET", {"If-None-Match": '"other"'}, 200),
        ("GET", {"If-None-Match": '"tag"', "Range": "bytes=0-9"}, 304),
        ("GET", {"If-None-Match": '"tag"', "Range": "bytes=9999-"}, 304),
        ("GET", {"If-Match": '"other"', "Range": "bytes=9999-"}, 412),
        ("GET", {"If-None-Match": '"other"', "Range": "bytes=0-9"}, 206),
        ("GET", {"Range": "bytes=0-9", "If-Range": '"tag"'}, 206),
        ("GET", {"Range": "bytes=0-9", "If-Range": '"other"'}, 200),
        ("GET", {"Range": "bytes=0-9", "If-Range": 'W/"tag"'}, 200),
        ("GET", {"Range": "bytes=0-9", "If-Range": "Sat, 29 Oct 1994 19:43:31 GMT"}, 200),
        ("GET", {"Range": "bytes=9999-", "If-Range": '"other"'}, 200),
        ("GET", {"If-Range": '"tag"'}, 200),
        ("GET", {"If-Modified-Since": "Sat, 29 Oct 2094 19:43:31 GMT"}, 200),
        ("GET", {"If-Unmodified-Since": "Sat, 29 Oct 1994 19:43:31 GMT"}, 200),
        ("GET", {"Range": "seconds=0-9"}, 200),
        ("POST", {"Range": "bytes=0-9"}, 200),
        ("HEAD", {"Range": "bytes=0-9"}, 200),
        ("HEAD", {"Range": "bytes=9999-"}, 200),
    ],
)
def test_conditions(ask: Any, method: str, headers: dict[str, str], status: int) -> None:
    response = ask(method, headers)
    assert response.status_code == status
    assert response.headers["etag"] == ETAG
    if status == 200 and method != "HEAD":
        assert response.content == DATA


def test_not_modified_repeats_what_caches_need_and_computes_nothing(ask: Any, known: Known) -> None:
    response = ask("GET", {"If-None-Match": ETAG})
    assert dict(response.headers) == {
        "etag": ETAG,
        "cache-control": CACHE_CONTROL,
        "vary": "Accept",
        "content-location": "/there",
    }
    assert (known.sized, known.computed) == (0, 0)


def test_fields_on_several_lines_are_one_list(ask: Any) -> None:
    assert ask("GET", [("If-None-Match", '"a"'), ("If-None-Match", ETAG)]).status_code == 304


def test_a_fault_before_the_first_chunk_is_an_error_answer(ask: Any, known: Known) -> None:
    known.fail_at, known.quick = 0, False
    response = ask("GET")
    assert response.status_code == 500
    assert "secret" not in response.text


@given(st.lists(st.integers(0, SIZE), max_size=8))
def test_any_partition_into_ranges_is_the_whole(cuts: list[int]) -> None:
    edges = sorted({0, SIZE, *cuts})
    pieces = [
        deliver(StreamedResponse(206, {}, Known(), [ByteRange(a, b)], STREAMS))
        for a, b in itertools.pairwise(edges)
    ]
    assert b"".join(pieces) == DATA


def deliver(response: StreamedResponse) -> bytes:
    """The body that a patient client receives."""
    return b"".join(message.get("body", b"") for message in asyncio.run(messages(response)))


async def messages(response: StreamedResponse) -> list[dict]:
    sent: list[dict] = []

    async def receive() -> dict:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    await response({"type": "http"}, receive, send)
    return sent


def test_a_fault_halfway_never_ends_the_body() -> None:
    known = Known(fail_at=500)
    sent: list[Any] = []

    async def receive() -> dict:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(ValueError, match="secret"):
        asyncio.run(StreamedResponse(200, {}, known, [ByteRange(0, SIZE)], STREAMS)({}, receive, send))
    assert len(sent) == 6
    assert all(message["more_body"] for message in sent[1:])
    assert known.closed


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"x"])
def test_a_body_of_another_length_than_promised_never_ends(data: bytes) -> None:
    class Liar(Known):
        async def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
            yield memoryview(data)

    with pytest.raises(RuntimeError, match="off by"):
        deliver(StreamedResponse(200, {}, Liar(), [ByteRange(0, SIZE)], STREAMS))


def test_computing_stops_when_the_client_leaves() -> None:
    known = Known(bytes(1_000_000))

    async def leave_after_three_chunks() -> int:
        gone = asyncio.Event()
        chunks = 0

        async def receive() -> dict:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal chunks
            chunks += bool(message.get("body"))
            if chunks >= 3:
                gone.set()
                await asyncio.sleep(0)  # a server goes on accepting, and drops, what is sent

        await StreamedResponse(200, {}, known, [ByteRange(0, 1_000_000)], STREAMS)({}, receive, send)
        return chunks

    assert asyncio.run(leave_after_three_chunks()) <= 6
    assert known.computed <= 6
    assert known.closed


def test_a_slow_client_holds_back_the_computing() -> None:
    known = Known()

    async def stall() -> int:
        async def receive() -> dict:
            await asyncio.Event().wait()
            return {}

        async def send(message: Any) -> None:
            if message.get("body"):
                await asyncio.Event().wait()

        task = asyncio.ensure_future(
            StreamedResponse(200, {}, known, [ByteRange(0, SIZE)], STREAMS)({}, receive, send)
        )
        for _ in range(1000):
            await asyncio.sleep(0)
        computed = known.computed
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return computed

    assert asyncio.run(stall()) == 1
    assert known.closed


def test_an_empty_representation_is_served(ask: Any, known: Known) -> None:
    known.data = b""
    for headers in ({}, {"Range": "bytes=-5"}):
        response = ask("GET", headers)
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-length"] == "0"
    assert ask("GET", {"Range": "bytes=0-"}).headers["content-range"] == "bytes */0"


def test_a_stream_that_waits_for_nothing_lets_others_have_their_turn() -> None:
    """Zeros need no computing, and a client that has left takes whatever it is sent."""
    app = create_app(Settings.model_construct(threads=1))
    sent = 0

    async def main() -> None:
        async def receive() -> dict[str, Any]:
            while not sent:
                await asyncio.sleep(0)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal sent
            sent += len(message.get("body", b""))

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/weights",
            "raw_path": b"/v1/weights",
            "query_string": b"shape=1048576,4096&init=zeros",
            "headers": [],
        }
        await app(scope, receive, send)

    asyncio.run(main())
    assert 0 < sent < 1 << 30
