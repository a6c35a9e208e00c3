"""Cache of whole answers with small files, by URL.

An immutable answer can be repeated without routing, parsing or computing. The cache stores an answer from the
second request on, and what the answers of a query have in common from its second seed on. What is requested
once leaves hashes alone, so that it displaces no answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from cachetools import LRUCache
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tensorseed.spec.numbers import SEED_COUNT

from ..http.errors import BusyError
from ..http.memory import lease_of
from ..http.paths import root_path, route_path
from ..http.request_context import RESEEDED
from ..http.responses import WHOLE_BYTES, Chunk, send_complete

PREFIX = "/v1/weights"
MAX_BODY_BYTES = 1 << 20
OVERHEAD_BYTES = 2_048  # of a stored answer beside its body and texts, about
SHORT_QUERY = 512  # bytes
MAX_SEEN = 16_384  # URLs that were requested once, and queries with one seed

# The cache does not answer a request with one of these.
_CONDITIONS = frozenset(
    {b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"}
)
_IMMUTABLE = b"immutable"
_SEED = re.compile(rb"(?:^|&)seed=(0|[1-9][0-9]{0,19})(?=&|$)")


class Reseeded(Protocol):
    """What answers one query with any seed of so many digits."""

    nbytes: int

    def answer(self, seed: int) -> tuple[Mapping[bytes, bytes], Chunk]:
        """The fields that another seed changes, and the body."""


Key = tuple[str, bytes, bytes, bytes]
"""Root path, path, query string and Accept fields of a request."""

SeedlessKey = tuple[str, bytes, bytes, bytes, int, bytes]
"""The same, with what precedes and follows the seed in the query, and the number of its digits."""


class CachedResponse(NamedTuple):
    """A complete answer, its route, and the memory of both the answer and its key."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    route: Any
    nbytes: int


def weigh(key: Key | SeedlessKey, headers: list[tuple[bytes, bytes]], body: Any) -> int:
    """The memory of an answer and its key, in bytes. Clients choose the length of the key."""
    texts = [*(part for part in key if not isinstance(part, int)), *chain.from_iterable(headers)]
    return OVERHEAD_BYTES + sum(map(len, texts)) + len(body)


class SeededResponses(NamedTuple):
    """What answers a query with other seeds, the fields of one of its answers, and the memory of both."""

    answers: Reseeded
    headers: list[tuple[bytes, bytes]]
    length: int  # of the body
    route: Any
    nbytes: int


class Recent:
    """The hashes that were noted last, `maximum` or up to half of it fewer, with a number each."""

    def __init__(self, maximum: int) -> None:
        self._half = maximum // 2
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def note(self, key: int, number: int) -> int | None:
        """Note a hash. The number that it was noted with before, if it was."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if len(self._young) >= self._half:
                self._young, self._old = {}, self._young
            self._young[key] = number if found is None else found
        return found


class ResponseCache:
    """Answers repeated GETs of small files from at most `nbytes` of memory.

    A query that differs in its seed alone from two answered ones is computed, and neither routed nor parsed.
    """

    def __init__(self, app: ASGIApp, nbytes: int) -> None:
        self._app = app
        self._responses: LRUCache[Key | SeedlessKey, CachedResponse | SeededResponses]
        self._responses = LRUCache(nbytes, attrgetter("nbytes"))
        self._seen = Recent(MAX_SEEN)  # a seed by the hash of a key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        cached = self._responses.get(key)
        if isinstance(cached, CachedResponse):
            scope["route"] = cached.route
            await send({"type": "http.response.start", "status": 200, "headers": cached.headers})
            await send({"type": "http.response.body", "body": cached.body})
            return
        if self._seen.note(hash(key), 0) is not None:
            send = self._storing(key, scope, send)
        seedless = _seedless(key)
        if seedless is not None:
            shared, seed = seedless
            seeded = self._responses.get(shared)
            if isinstance(seeded, SeededResponses):
                if await _answer(seeded, seed, scope, send):
                    return
            elif self._seen.note(hash(shared), seed) not in (None, seed):
                send = self._learning(shared, scope, send)
        await self._app(scope, receive, send)

    def _storing(self, key: Key, scope: Scope, send: Send) -> Send:
        """`send` that stores an immutable answer of one piece, which an empty end may follow."""
        headers: list[tuple[bytes, bytes]] | None = None

        async def store(message: Message) -> None:
            nonlocal headers
            if message["type"] == "http.response.start":
                headers = list(message["headers"]) if _is_immutable(message) else None
            elif headers is not None:
                body = message.get("body", b"")
                if not message.get("more_body", False) or _length(headers) == len(body):
                    self._store(key, headers, body, scope.get("route"))
                headers = None
            await send(message)

        return store

    def _store(self, key: Key, headers: list[tuple[bytes, bytes]], body: Any, route: Any) -> None:
        nbytes = weigh(key, headers, body)
        if len(body) <= MAX_BODY_BYTES and nbytes <= self._responses.maxsize:
            body = bytes(body)  # its buffer is reused
            self._responses[key] = CachedResponse(headers, body, route, nbytes)

    def _learning(self, key: SeedlessKey, scope: Scope, send: Send) -> Send:
        """`send` that stores what answers the query with other seeds, where the route offers it."""
        scope[RESEEDED] = None  # the route makes an offer where this is

        async def learn(message: Message) -> None:
            if message["type"] == "http.response.start" and (answers := scope[RESEEDED]) is not None:
                headers = list(message["headers"])
                nbytes = weigh(key, headers, b"") + answers.nbytes
                if nbytes <= self._responses.maxsize:
                    length, route = _length(headers), scope.get("route")
                    self._responses[key] = SeededResponses(answers, headers, length, route, nbytes)
            await send(message)

        return learn


async def _answer(seeded: SeededResponses, seed: int, scope: Scope, send: Send) -> bool:
    """Send the answer of a seed. False without memory for it, which the application refuses in its form."""
    if seeded.length > WHOLE_BYTES:
        try:
            lease_of(scope).take(seeded.length)
        except BusyError:
            return False
    fields, body = seeded.answers.answer(seed)
    headers = [(name, fields.get(name, value)) for name, value in seeded.headers]
    scope["route"] = seeded.route
    await send_complete(send, 200, headers, body)
    return True


def _length(headers: list[tuple[bytes, bytes]]) -> int:
    """The Content-Length; -1 without one."""
    return next((int(value) for name, value in headers if name == b"content-length"), -1)


def _seedless(key: Key) -> tuple[SeedlessKey, int] | None:
    """What the queries of all seeds of as many digits have in common, and the seed; None without one."""
    root, path, query, accept = key
    match = _SEED.search(query) if len(query) <= SHORT_QUERY else None
    if match is None or (seed := int(match[1])) >= SEED_COUNT:
        return None
    start, stop = match.span(1)
    return (root, path, query[:start], query[stop:], stop - start, accept), seed


def _key(scope: Scope) -> Key | None:
    """The key of a request; None where the answer depends on more than URL and Accept."""
    if scope["type"] != "http" or scope["method"] != "GET" or not route_path(scope).startswith(PREFIX):
        return None
    path = scope.get("raw_path")  # optional in ASGI
    if path is None:
        return None
    accept = b""
    for name, value in scope["headers"]:
        if name == b"accept":
            accept += value + b","
        elif name in _CONDITIONS:
            return None
    return root_path(scope), path, scope["query_string"], accept


def _is_immutable(message: Message) -> bool:
    return message["status"] == 200 and any(
        name.lower() == b"cache-control" and value.endswith(_IMMUTABLE) for name, value in message["headers"]
    )
