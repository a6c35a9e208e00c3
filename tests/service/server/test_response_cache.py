"""Response cache: equal bytes and fields, for repeated requests only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from service.http.request_context import RESEEDED
from service.server.app import create_app
from service.server.response_cache import MAX_BODY_BYTES, OVERHEAD_BYTES, Recent, ResponseCache
from service.settings import Settings

URL = "/v1/weights?shape=64,64&init=kaiming_normal&seed=7"
Start = Callable[[Any], AbstractContextManager[Any]]


def generated(client: Any) -> float:
    """The bytes that have been computed so far."""
    text, name = client.get("/metrics").text, "tensorseed_generated_bytes_total{"
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def fields(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}


def app(**settings: Any) -> Any:
    return create_app(Settings.model_construct(threads=1, **settings))


def test_the_third_answer_is_the_first_and_computes_nothing(start: Start) -> None:
    with start(app()) as client:
        first, second = client.get(URL), client.get(URL)
        before = generated(client)
        third = client.get(URL)
        assert generated(client) == before
    assert first.status_code == third.status_code == 200
    assert first.content == second.content == third.content
    assert fields(first) == fields(second) == fields(third)
    assert third.headers["x-request-id"] != first.headers["x-request-id"]


def test_it_is_counted_under_its_route(start: Start) -> None:
    with start(app()) as client:
        for _ in range(5):
            client.get(URL)
        text = client.get("/metrics").text
    assert 'tensorseed_requests_total{method="GET",route="/v1/weights",status="200"} 5.0' in text


def test_what_is_asked_for_once_is_not_kept(start: Start) -> None:
    with start(app()) as client:
        client.get(URL)
        before = generated(client)
        client.get(URL)
        assert generated(client) > before


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"Range": "bytes=10-19"}, 206),
        ({"If-None-Match": "*"}, 304),
        ({"If-Match": '"other"'}, 412),
        ({"Range": "bytes=10-19", "If-Range": '"other"'}, 200),
        ({"Accept": "application/json"}, 200),
        ({"Accept": "text/html"}, 406),
    ],
)
def test_conditions_and_forms_are_looked_at(start: Start, given: dict[str, str], status: int) -> None:
    with start(app()) as client:
        whole = [client.get(URL) for _ in range(3)][-1]
        answers = [client.get(URL, headers=given) for _ in range(3)]
        assert client.get(URL).content == whole.content
        assert client.head(URL).headers["content-length"] == str(len(whole.content))
    assert [answer.status_code for answer in answers] == [status] * 3
    assert len({answer.content for answer in answers}) == 1
    if "Accept" in given and status == 200:
        assert answers[-1].headers["content-type"] == "application/json"


def test_none_is_kept_where_there_is_no_memory(start: Start) -> None:
    with start(app(answer_bytes=0)) as client:
        for _ in range(3):
            before = generated(client)
            client.get(URL)
            assert generated(client) > before


def test_errors_are_told_each_time(start: Start) -> None:
    with start(app()) as client:
        for _ in range(3):
            assert client.get("/v1/weights?shape=64,64&init=nonsense").status_code == 422


def test_of_hashes_the_last_ones_are_known() -> None:
    recent = Recent(8)
    assert [recent.note(key, 10 * key) for key in (*range(4), 0, *range(4, 8))] == [None] * 4 + [0] + [
        None
    ] * 4
    assert [recent.note(key, 1) for key in (4, 5, 6, 7, 8)] == [40, 50, 60, 70, None]
    assert recent.note(1, 3) is None
    assert recent.note(8, 2) == 1


def ask(cache: ResponseCache, query: bytes, **more: Any) -> None:
    async def nothing(_: Any) -> None:
        pass

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/weights",
        "raw_path": b"/v1/weights",
        "query_string": query,
        "headers": [],
        **more,
    }
    asyncio.run(cache(scope, None, nothing))  # type: ignore[arg-type]


def answering(*bodies: bytes, status: int = 200, cache: bytes = b"public, immutable") -> Any:
    asked = []

    async def answer(scope: Any, _: Any, send: Any) -> None:
        asked.append(scope["query_string"])
        await send({"type": "http.response.start", "status": status, "headers": [(b"cache-control", cache)]})
        for index, body in enumerate(bodies):
            more = index + 1 < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    answer.asked = asked  # type: ignore[attr-defined]
    return answer


@pytest.mark.parametrize(
    ("inner", "times"),
    [
        (answering(b"x"), 2),
        (answering(b"x" * MAX_BODY_BYTES), 2),
        (answering(b"x" * (MAX_BODY_BYTES + 1)), 4),
        (answering(b"x", b"y"), 4),
        (answering(b"x", status=206), 4),
        (answering(b"x", cache=b"no-store"), 4),
    ],
)
def test_only_whole_small_answers_for_good_are_kept(inner: Any, times: int) -> None:
    cache = ResponseCache(inner, 1 << 24)
    for _ in range(4):
        ask(cache, b"a")
    assert len(inner.asked) == times


def test_memory_is_bounded_and_the_least_recent_goes() -> None:
    inner = answering(memoryview(b"x" * MAX_BODY_BYTES))
    cache = ResponseCache(inner, 2 * (MAX_BODY_BYTES + 2 * OVERHEAD_BYTES))
    for query in (b"a", b"b", b"a", b"b", b"c", b"c"):
        ask(cache, query)
    inner.asked.clear()
    for query in (b"c", b"b", b"a"):
        ask(cache, query)
    assert inner.asked == [b"a"]


class Offer:
    """What answers any seed of a query, of a mebibyte."""

    nbytes = MAX_BODY_BYTES

    def answer(self, seed: int) -> Any:
        return {}, b"%d" % seed


def test_queries_that_are_requested_once_displace_nothing() -> None:
    plain = answering(b"x" * MAX_BODY_BYTES)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        scope[RESEEDED] = Offer()
        await plain(scope, receive, send)

    cache = ResponseCache(inner, 4 * (MAX_BODY_BYTES + 2 * OVERHEAD_BYTES))
    for query in (b"hot", b"hot", *(b"shape=%d&seed=1" % size for size in range(10)), b"hot"):
        ask(cache, query)
    assert plain.asked.count(b"hot") == 2
    plain.asked.clear()
    for query in (b"a&seed=1", b"a&seed=1", b"a&seed=2", b"a&seed=3", b"hot"):
        ask(cache, query)
    assert plain.asked == [b"a&seed=1", b"a&seed=1", b"a&seed=2"]


@pytest.mark.parametrize("field", ["query_string", "raw_path", "headers"])
def test_what_a_client_writes_has_a_weight(field: str) -> None:
    inner = answering(b"x")
    cache = ResponseCache(inner, 100_000)

    def asked(number: int) -> dict[str, Any]:
        text = b"%d" % number * 30_000
        return {field: [(b"accept", text)] if field == "headers" else text}

    for number in range(8):
        for _ in range(2):
            ask(cache, b"", **asked(number))
    inner.asked.clear()
    for number in reversed(range(8)):
        ask(cache, b"", **asked(number))
    assert len(inner.asked) == 5


def test_nothing_is_kept_where_the_server_does_not_tell_the_path_as_sent() -> None:
    inner = answering(b"x")
    cache = ResponseCache(inner, 1 << 24)
    for _ in range(4):
        ask(cache, b"a", raw_path=None)
    assert len(inner.asked) == 4
