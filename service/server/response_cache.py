"""Small files that are asked for again and again: their answers, whole, by URL.

An answer under a URL never changes here, so one that has been given may be given again without routing,
parsing or computing anything. What was asked for only once is not kept: a client that draws many seeds leaves
no trace but its URLs' digests.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

from cachetools import LRUCache
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = "/v1/weights"
LARGEST = 1 << 20  # bytes of a body
OVERHEAD = 2_048  # bytes that keeping an answer takes beside its body and its texts, about
SEEN = 8_192  # URLs of which is known that they were asked for

# A request with one of these is answered by what knows about them.
_CONDITIONS = frozenset(
    {b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"}
)
_IMMUTABLE = b"immutable"

Key = tuple[str, bytes, bytes, bytes]


class Answer(NamedTuple):
    """A complete answer, the route that gave it, and the bytes that it and its key take."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    route: Any
    nbytes: int


def weigh(key: Key, headers: list[tuple[bytes, bytes]], body: Any) -> int:
    """The memory of an answer and its key, in bytes. A client chooses how long the key is."""
    texts = sum(map(len, key)) + sum(len(name) + len(value) for name, value in headers)
    return OVERHEAD + texts + len(body)


class Remembered:
    """Answers GETs of small files for the second time and later from `nbytes` of memory."""

    def __init__(self, app: ASGIApp, nbytes: int) -> None:
        self._app = app
        self._answers: LRUCache[Key, Answer] = LRUCache(nbytes, attrgetter("nbytes"))
        self._seen: LRUCache[int, bool] = LRUCache(SEEN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        known = self._answers.get(key)
        if known is not None:
            scope["route"] = known.route
            await send({"type": "http.response.start", "status": 200, "headers": known.headers})
            await send({"type": "http.response.body", "body": known.body})
            return
        digest = hash(key)
        if digest in self._seen:
            await self._app(scope, receive, self._noting(key, scope, send))
        else:
            self._seen[digest] = True
            await self._app(scope, receive, send)

    def _noting(self, key: Key, scope: Scope, send: Send) -> Send:
        """`send`, which keeps an answer that comes in one piece and never changes."""
        headers: list[tuple[bytes, bytes]] | None = None

        async def noting(message: Message) -> None:
            nonlocal headers
            if message["type"] == "http.response.start":
                headers = list(message["headers"]) if _never_changes(message) else None
            elif headers is not None and not message.get("more_body", False):
                self._keep(key, headers, message.get("body", b""), scope.get("route"))
            else:
                headers = None
            await send(message)

        return noting

    def _keep(self, key: Key, headers: list[tuple[bytes, bytes]], body: Any, route: Any) -> None:
        nbytes = weigh(key, headers, body)
        if len(body) <= LARGEST and nbytes <= self._answers.maxsize:
            body = bytes(body)  # the memory it was computed in is used again
            self._answers[key] = Answer(headers, body, route, nbytes)


def _key(scope: Scope) -> Key | None:
    """What an answer depends on; None where that is more than the URL and what the client accepts."""
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(PREFIX):
        return None
    path = scope.get("raw_path")  # which a server need not give
    if path is None:
        return None
    accept = b""
    for name, value in scope["headers"]:
        if name == b"accept":
            accept += value + b","
        elif name in _CONDITIONS:
            return None
    return scope.get("root_path", ""), path, scope["query_string"], accept


def _never_changes(message: Message) -> bool:
    return message["status"] == 200 and any(
        name.lower() == b"cache-control" and value.endswith(_IMMUTABLE) for name, value in message["headers"]
    )
