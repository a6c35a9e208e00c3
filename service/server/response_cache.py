"""Cache of whole answers with small files, by URL.

An immutable answer can be repeated without routing, parsing or computing. The cache stores an answer from the
second request on: a client that draws many seeds leaves its URLs' hashes alone.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

from cachetools import LRUCache
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http.paths import root_path, route_path

PREFIX = "/v1/weights"
MAX_BODY_BYTES = 1 << 20
OVERHEAD_BYTES = 2_048  # of a stored answer beside its body and texts, about
MAX_SEEN = 8_192  # URLs that were requested once

# The cache does not answer a request with one of these.
_CONDITIONS = frozenset(
    {b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"}
)
_IMMUTABLE = b"immutable"

Key = tuple[str, bytes, bytes, bytes]
"""Root path, path, query string and Accept fields of a request."""


class CachedResponse(NamedTuple):
    """A complete answer, its route, and the memory of both the answer and its key."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    route: Any
    nbytes: int


def weigh(key: Key, headers: list[tuple[bytes, bytes]], body: Any) -> int:
    """The memory of an answer and its key, in bytes. Clients choose the length of the key."""
    texts = sum(map(len, key)) + sum(len(name) + len(value) for name, value in headers)
    return OVERHEAD_BYTES + texts + len(body)


class ResponseCache:
    """Answers repeated GETs of small files from at most `nbytes` of memory."""

    def __init__(self, app: ASGIApp, nbytes: int) -> None:
        self._app = app
        self._responses: LRUCache[Key, CachedResponse] = LRUCache(nbytes, attrgetter("nbytes"))
        self._seen: LRUCache[int, bool] = LRUCache(MAX_SEEN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        cached = self._responses.get(key)
        if cached is not None:
            scope["route"] = cached.route
            await send({"type": "http.response.start", "status": 200, "headers": cached.headers})
            await send({"type": "http.response.body", "body": cached.body})
            return
        digest = hash(key)
        if digest in self._seen:
            await self._app(scope, receive, self._storing(key, scope, send))
        else:
            self._seen[digest] = True
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


def _length(headers: list[tuple[bytes, bytes]]) -> int:
    """The Content-Length; -1 without one."""
    return next((int(value) for name, value in headers if name == b"content-length"), -1)


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
