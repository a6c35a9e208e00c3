"""From a representation and a request to the response that RFC 9110 wants.

`respond` is the one place that knows preconditions, ranges and the header fields of a file. The body is
streamed and computed a little ahead of the client: what waits for a client that reads slowly is the worker's
window of chunks, the one being sent among them, and what the sockets hold. A client that leaves stops the
computing within that window, and a fault halfway closes the connection, so that nobody takes a short file
for a whole one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .conditional import is_unmodified, range_applies
from .disconnect import until_gone
from .ranges import ByteRange, parse_range

CACHE_CONTROL = "public, max-age=31536000, immutable"
REVALIDATED = "public, no-cache"  # of a URL that may come to stand for other bytes

Chunk = bytes | memoryview
Segment = bytes | ByteRange  # a piece of a body: literal bytes, or bytes of the representation


class Representation(Protocol):
    """A sequence of bytes that never changes."""

    @property
    def etag(self) -> str:
        """The strong entity tag, with its quotes."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The fields of this representation that a 304 repeats: Vary, Content-Location."""
        ...

    @property
    def content_headers(self) -> Mapping[str, str]:
        """The fields that describe the content: Content-Type, Content-Disposition."""
        ...

    async def size(self) -> int:
        """The number of bytes."""
        ...

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes from `start` up to `stop` where that takes no time to speak of; else None."""
        ...

    def admit(self) -> AbstractContextManager[None]:
        """What is held while bytes are streamed. Entering it may raise BusyError."""
        ...

    def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes from `start` up to `stop`, in chunks. Closing the generator stops the computing."""
        ...


async def respond(request: Request, representation: Representation) -> Response:
    """The answer to a GET, HEAD or POST that selects `representation`.

    Status 200, 206 or 304. Raises PreconditionError (412) and RangeError (416).
    """
    fields = _fields(request)
    etag = representation.etag
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL, **representation.headers}
    if is_unmodified(request.method, fields, etag):
        return Response(status_code=304, headers=headers)
    size = await representation.size()
    headers |= {"Accept-Ranges": "bytes", **representation.content_headers}
    ranged = request.method == "GET" and range_applies(fields, etag)
    ranges = parse_range(fields.get("range"), size) if ranged else None
    if request.method == "HEAD":
        return CompleteResponse(200, headers, size)
    if ranges is None:
        return _one(200, headers, representation, ByteRange(0, size))
    if len(ranges) == 1:
        headers["Content-Range"] = ranges[0].content_range(size)
        return _one(206, headers, representation, ranges[0])
    boundary = hashlib.sha256(f"{etag} {ranges}".encode()).hexdigest()[:32]
    segments = _multipart(ranges, size, boundary, headers["Content-Type"])
    headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return StreamedResponse(206, headers, representation, segments)


def _fields(request: Request) -> dict[str, str]:
    """The header fields by lower-case name; those given several times joined by commas."""
    fields: dict[str, str] = {}
    for name, value in request.headers.items():
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _one(
    status: int, headers: Mapping[str, str], representation: Representation, part: ByteRange
) -> Response:
    """The answer of one range: complete where it is at hand, else streamed."""
    body = representation.at_once(*part)
    if body is not None:
        return CompleteResponse(status, headers, part.stop - part.start, body)
    return StreamedResponse(status, headers, representation, [part])


def _multipart(ranges: Sequence[ByteRange], size: int, boundary: str, media_type: str) -> list[Segment]:
    """The body of a multipart/byteranges answer (RFC 9110, section 14.6)."""
    segments: list[Segment] = []
    for part in ranges:
        fields = f"Content-Type: {media_type}\r\nContent-Range: {part.content_range(size)}\r\n"
        opening = "\r\n" if segments else ""
        segments += [f"{opening}--{boundary}\r\n{fields}\r\n".encode(), part]
    return [*segments, f"\r\n--{boundary}--\r\n".encode()]


def _length(segment: Segment) -> int:
    return segment.stop - segment.start if isinstance(segment, ByteRange) else len(segment)


class CompleteResponse(Response):
    """A response whose body is at hand, or that has none though it tells a length: the answer to HEAD."""

    def __init__(self, status: int, headers: Mapping[str, str], length: int, body: Chunk = b"") -> None:
        self.body = body
        self.status_code = status
        self.background = None
        self.init_headers({**headers, "Content-Length": str(length)})


class StreamedResponse(Response):
    """A response of exactly known length whose body is computed while it is sent."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        representation: Representation,
        segments: Sequence[Segment],
    ) -> None:
        self.representation = representation
        self.segments = segments
        self.status_code = status
        self.background = None
        self.length = sum(map(_length, segments))
        self.init_headers({**headers, "Content-Length": str(self.length)})

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send head and body, unless the client leaves first. Raises BusyError before the head."""
        with self.representation.admit():
            sending = asyncio.ensure_future(self._send(send))
            watching = asyncio.ensure_future(until_gone(receive))
            try:
                await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (watching, sending):
                    task.cancel()
                await asyncio.gather(sending, watching, return_exceptions=True)
            if not sending.cancelled():
                sending.result()

    async def _send(self, send: Send) -> None:
        """The head goes out with the first chunk in hand, so a fault before it is still an error answer.

        The end goes out alone: the server takes it when the client has read nearly all that comes before.
        Other requests, and whatever watches whether the client is still there, have a turn after every chunk.
        """
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        left = self.length
        async with aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                if start:
                    await send(start)
                    start = {}
                left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await asyncio.sleep(0)  # chunks that are ready, to a socket that takes them, wait for nothing
        if left:
            raise RuntimeError(f"a body of {self.length} bytes was off by {left}")
        if start:
            await send(start)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunks(self) -> AsyncGenerator[Chunk, None]:
        for segment in self.segments:
            if not isinstance(segment, ByteRange):
                yield segment
                continue
            async with aclosing(self.representation.stream(*segment)) as stream:
                async for chunk in stream:
                    yield chunk
