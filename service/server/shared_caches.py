"""Exclusion of large answers from shared caches (RFC 9111)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http.request_context import CONTENT_BYTES

_UNBUFFERED = (b"x-accel-buffering", b"no")


class SharedCaches:
    """Keeps answers of more than `nbytes` out of shared caches.

    A cache that stores a file from its start, for the range at its end, stores it without end. `private`
    leaves the caches of browsers alone. nginx would read such an answer ahead of its client, into files.
    A 304 has the Cache-Control of the answer that it stands for (RFC 9110, section 15.4.5).
    """

    def __init__(self, app: ASGIApp, nbytes: int) -> None:
        self._app = app
        self._nbytes = nbytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def limited(message: Message) -> None:
            if message["type"] == "http.response.start":
                unmodified = message["status"] == 304
                nbytes = scope.get(CONTENT_BYTES, 0) if unmodified else _length(message)
                if nbytes > self._nbytes:
                    buffering = [] if unmodified else [_UNBUFFERED]
                    message["headers"] = [*map(private_field, message["headers"]), *buffering]
            await send(message)

        await self._app(scope, receive, limited)


def private_field(field: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """A header field, with Cache-Control for the client's own cache alone."""
    name, value = field
    return (name, value.replace(b"public", b"private", 1)) if name.lower() == b"cache-control" else field


def _length(message: Message) -> int:
    return next((int(value) for name, value in message["headers"] if name.lower() == b"content-length"), 0)
