"""Responses of long texts, written in pieces while the client reads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing, suppress
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .disconnect import cancel_on_disconnect
from .memory import MemoryLease
from .negotiation import JSON
from .responses import WHOLE_BYTES

BUFFERED_BYTES = 1 << 19  # that an unread text holds beside what it is made from
SLICE_BYTES = 1 << 18  # of a complete text, sent at a time

Run = Callable[..., Coroutine[Any, Any, Any]]
"""Runs a blocking function in a thread."""


async def text_response(
    pieces: Iterator[bytes], run: Run, lease: MemoryLease, headers: Mapping[str, str] | None = None
) -> Response:
    """The response with the JSON text of some pieces. A short one is sent at once.

    Raises:
        BusyError: The memory for it is in use.
    """
    start, is_whole = await run(_first, pieces)
    if is_whole:
        return Response(start, headers=headers, media_type=JSON)
    lease.take(BUFFERED_BYTES)
    return TextResponse(_made(start, pieces, run), headers)


def complete_text(text: bytes, lease: MemoryLease, headers: Mapping[str, str] | None = None) -> Response:
    """The response with a JSON text that is there. A long one counts until the client has read it.

    Raises:
        BusyError: The memory for it is in use.
    """
    if len(text) <= WHOLE_BYTES:
        return Response(text, headers=headers, media_type=JSON)
    lease.take(len(text))
    return TextResponse(_sliced(text), {**(headers or {}), "Content-Length": str(len(text))})


class TextResponse(Response):
    """A response whose text is made while it is sent, of unknown length unless a field tells it."""

    def __init__(
        self, chunks: AsyncGenerator[bytes | memoryview, None], headers: Mapping[str, str] | None = None
    ) -> None:
        self.chunks = chunks
        self.status_code = 200
        self.media_type = JSON
        self.background = None
        self.body = b""
        self.init_headers({**(headers or {}), "Content-Type": JSON})
        if "Content-Length" not in (headers or {}):
            del self.headers["content-length"]

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send head and body, unless the client disconnects."""
        with suppress(ClientDisconnect):
            await cancel_on_disconnect(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        """Send the end alone: the server takes it when the client has read nearly all before it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with aclosing(self.chunks):
            async for chunk in self.chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _first(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    """The first pieces, about `WHOLE_BYTES`, and whether they are all."""
    found: list[bytes] = []
    size = 0
    for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size > WHOLE_BYTES:
            return b"".join(found), False
    return b"".join(found), True


async def _made(start: bytes, pieces: Iterator[bytes], run: Run) -> AsyncGenerator[bytes, None]:
    piece: bytes | None = start
    while piece is not None:
        yield piece
        piece = await run(next, pieces, None)


async def _sliced(text: bytes) -> AsyncGenerator[memoryview, None]:
    whole = memoryview(text)
    for start in range(0, len(whole), SLICE_BYTES):
        yield whole[start : start + SLICE_BYTES]
