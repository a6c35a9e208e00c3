"""Exchanges: order of answers, expectations, and clients that leave."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from service.server.connections.exchange import Exchange
from tests.waiting import PATIENCE, wait_until
from tools.fuzz.raw import LAST, PATIENT, echo, replies, serving, told

GET = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
STREAM = b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
CHUNKS = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of a close that resets


class Slow:
    """An application that answers when told, and counts what it answers at the time."""

    def __init__(self) -> None:
        self.active = 0
        self.begun = 0
        self.free = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or end when its client leaves."""
        self.active += 1
        self.begun += 1
        try:
            if scope["path"] == "/stream":
                await self.stream(receive, send)
                return
            while not self.free.is_set():
                await asyncio.sleep(0.01)
            await echo(scope, receive, send)
        finally:
            self.active -= 1

    async def stream(self, receive: Any, send: Any) -> None:
        """Answer without end, until the client leaves."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        left = asyncio.ensure_future(self.leave(receive))
        while not left.done():
            await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})
            await asyncio.sleep(0)

    async def leave(self, receive: Any) -> None:
        """Wait until the client has left."""
        while (await receive())["type"] != "http.disconnect":
            pass


@pytest.fixture
def slow() -> Iterator[tuple[Slow, Any, int]]:
    """A slow application, its server and port."""
    app = Slow()
    with serving(app, PATIENT, timeout_keep_alive=3_600) as (server, port):
        yield app, server, port
        app.free.set()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of an application that echoes."""
    with serving() as (_, number):
        yield number


def rest(client: socket.socket) -> bytes:
    received = b""
    while part := client.recv(1 << 16):
        received += part
    return received


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n", 400),
        (b"GET /" + b"a" * 3_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 5_000 + b"\r\n\r\n", 431),
        (CHUNKS + b"x\r\n", 400),
        (b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", 501),
    ],
)
def test_a_fault_is_answered_after_the_requests_before_it(
    slow: tuple[Slow, Any, int], bad: bytes, status: int
) -> None:
    app, _, port = slow
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(GET % 1 + GET % 2)
        wait_until(lambda: app.begun == 1)
        client.sendall(GET % 3 + bad + LAST)
        time.sleep(0.1)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(PATIENCE)
        app.free.set()
        answers = replies(rest(client))
    assert [answer.status for answer in answers] == [200, 200, 200, status]
    assert [answer.asked["path"] for answer in answers[:3]] == ["/1", "/2", "/3"]
    wait_until(lambda: app.active == 0)


def test_few_of_many_pipelined_requests_wait(
    slow: tuple[Slow, Any, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A waiting request takes a hundred times its bytes."""
    made, init = [], Exchange.__init__
    monkeypatch.setattr(Exchange, "__init__", lambda self, **given: made.append(self) or init(self, **given))
    app, _, port = slow
    requests = b"".join(GET % number for number in range(3_000)) + POST + b"hello" + LAST
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(requests)
        wait_until(lambda: app.begun == 1)
        time.sleep(0.2)
        assert len(made) < 1_000
        app.free.set()
        answers = replies(rest(client))
    assert [answer.asked["path"] for answer in answers[:3_000]] == [f"/{number}" for number in range(3_000)]
    assert [answer.asked["body"] for answer in answers[3_000:]] == ["hello", ""]


def test_nothing_behind_the_last_request_is_read(port: int) -> None:
    for more in (b"nonsense", GET % 1, bytes(100_000), b"POST / HTTP/1.1\r\n"):
        (answer,) = told(port, [LAST + more])
        assert answer.asked["path"] == "/last"
        (answer,) = told(port, [b"GET /old HTTP/1.0\r\n\r\n" + more, more], 0.01)
        assert answer.asked["path"] == "/old"


def test_a_client_that_sends_on_reads_the_refusal(port: int) -> None:
    """More than the sockets' buffers hold, so that a reset would come before the client reads."""
    for begin, status in ((CHUNKS + b"x\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400), (b"\x16\x03\x01", 400)):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            client.sendall(begin)
            for _ in range(64):
                client.sendall(bytes(1 << 18))
            (answer,) = replies(rest(client))
        assert answer.status == status


def test_a_client_is_told_to_continue_once(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-Continue\r\n\r\n"))
        assert client.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello" + LAST)
        answers = replies(rest(client))
    assert [answer.asked["body"] for answer in answers] == ["hello", ""]


def test_a_client_of_the_old_version_is_not_told_to_continue(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
        assert rest(client).startswith(b"HTTP/1.1 200 ")


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Answer without reading the body."""
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body"})


def test_a_client_that_was_not_told_to_continue_gets_another_connection() -> None:
    """It may send the body, or the next request in its place: the server cannot know."""
    with serving(refuse) as (_, port):
        request = POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        for packets in ([request], [request + b"hello"], [request, b"GET / HTTP/1.1\r\n"]):
            (answer,) = told(port, [*packets, LAST], 0.05)[:1]
            assert answer.status == 403
        answers = told(port, [POST + b"hello" + POST + b"hello" + LAST])
        assert [answer.status for answer in answers] == [403] * 3


@pytest.mark.parametrize("requests", [1, 2, 5])
@pytest.mark.parametrize("reset", [False, True])
def test_all_requests_of_a_client_that_leaves_end(
    slow: tuple[Slow, Any, int], requests: int, reset: bool
) -> None:
    app, server, port = slow
    client = socket.create_connection(("127.0.0.1", port), PATIENCE)
    client.sendall(STREAM + GET % 2 * (requests - 1))
    client.recv(1)
    wait_until(lambda: app.active == 1)
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()
    wait_until(lambda: not server.server_state.connections)
    wait_until(lambda: app.active == 0)
    assert app.begun == 1


TYPICAL = {
    "get": GET % 1,
    "pipelined": GET % 1 + GET % 2 + GET % 3,
    "length": POST + b"hello" + GET % 2,
    "chunks": CHUNKS + b"3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n" + GET % 2,
    "upgrade": POST.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n") + b"hello",
    "expectation": POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n") + b"hello",
    "malformed": GET % 1 + b"GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n",
    "last": LAST,
    "large answer": STREAM,
}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("name", TYPICAL)
@pytest.mark.filterwarnings("error")
def test_a_connection_may_end_behind_every_byte(
    slow: tuple[Slow, Any, int], caplog: pytest.LogCaptureFixture, name: str, reset: bool
) -> None:
    app, server, port = slow
    app.free.set()
    for logger in ("", "uvicorn.error", "service", "asyncio"):
        caplog.set_level(logging.INFO, logger)
    request = TYPICAL[name]
    for end in range(len(request) + 1):
        client = socket.create_connection(("127.0.0.1", port), PATIENCE)
        client.sendall(request[:end])
        if end % 3 == 0:
            time.sleep(0.002)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
    wait_until(lambda: not server.server_state.connections)
    wait_until(lambda: not server.server_state.tasks and app.active == 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert [answer.status for answer in told(port, [LAST])] == [200]
