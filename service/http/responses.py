"""Responses of files: preconditions, ranges and streams (RFC 9110).

A body is computed a little ahead of its client. A slow reader holds the worker's window of chunks and the
sockets' buffers. A disconnect cancels the computation within that window. A fault halfway closes the
connection, so that a short file is never taken for a whole one.
"""

from __future__ import annotations

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .concurrency_limit import ConcurrencyLimit, refusing_preparations
from .conditional import is_unmodified, range_applies
from .disconnect import cancel_on_disconnect
from .memory import lease_of
from .ranges import ByteRange, parse_range
from .request_context import CONTENT_BYTES

CACHE_CONTROL = "public, max-age=31536000, immutable"
REVALIDATED = "public, no-cache"  # for a URL whose bytes may change: by query, or by a branch's name

WHOLE_BYTES = 1 << 16  # of a body that the server takes at once; sockets hold more

_CONDITIONAL = frozenset({b"if-match", b"if-none-match", b"if-range", b"range"})

Chunk = bytes | memoryview
Segment = bytes | ByteRange  # a piece of a body: literal bytes, or bytes of the representation


class Representation(ABC):
    """A sequence of bytes that never changes.

    Attributes:
        etag: The strong entity tag, with its quotes.
        headers: The fields that a 304 repeats: Vary, Content-Location, Cache-Control.
        content_headers: The fields of the content: Content-Type, Content-Disposition.
        known_size: The number of bytes, where nothing has to be computed for it.
    """

    known_size: int | None = None

    def __init__(self, etag: str, headers: Mapping[str, str], content_headers: Mapping[str, str]) -> None:
        self.etag = etag
        self.headers = headers
        self.content_headers = content_headers

    @abstractmethod
    async def size(self) -> int:
        """The number of bytes."""

    @abstractmethod
    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes [start, stop) where they are quicker computed than queued; else None."""

    @abstractmethod
    def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes [start, stop), in chunks. Closing the generator cancels the computation."""


async def file_response(
    request: Request, representation: Representation, streams: ConcurrencyLimit
) -> Response:
    """The response to a GET, HEAD or POST that selects `representation`: 200, 206 or 304.

    A streamed body takes a place of `streams` while it is sent, a long complete one its memory.

    Raises:
        PreconditionError: If-Match does not hold.
        RangeError: No range can be served.
        BusyError: The memory for it is in use.
    """
    fields = _fields(request)
    etag = representation.etag
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL, **representation.headers}
    if is_unmodified(request.method, fields, etag):
        if "range" not in fields:  # a cache may store a slice of any file, and ask for it again
            request.scope[CONTENT_BYTES] = representation.known_size or 0
        return Response(status_code=304, headers=headers)
    size = await representation.size()
    headers |= {"Accept-Ranges": "bytes", **representation.content_headers}
    ranged = request.method == "GET" and range_applies(fields, etag)
    ranges = parse_range(fields.get("range"), size) if ranged else None
    if request.method == "HEAD":
        return CompleteResponse(200, headers, size)
    if ranges is None:
        return _one(request, 200, headers, representation, ByteRange(0, size), streams)
    if len(ranges) == 1:
        headers["Content-Range"] = ranges[0].content_range(size)
        return _one(request, 206, headers, representation, ranges[0], streams)
    boundary = hashlib.sha256(f"{etag} {ranges}".encode()).hexdigest()[:32]
    segments = _multipart(ranges, size, boundary, headers["Content-Type"])
    headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return StreamedResponse(206, headers, representation, segments, streams)


def _fields(request: Request) -> dict[str, str]:
    """The conditional fields by name; repeated ones joined by commas."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in request.scope["headers"]:
        if raw_name in _CONDITIONAL:
            name, value = raw_name.decode(), raw_value.decode("latin-1")
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _one(
    request: Request,
    status: int,
    headers: Mapping[str, str],
    representation: Representation,
    part: ByteRange,
    streams: ConcurrencyLimit,
) -> Response:
    body = representation.at_once(*part)
    if body is not None:
        if len(body) > WHOLE_BYTES:
            lease_of(request).take(len(body))
        return CompleteResponse(status, headers, part.stop - part.start, body)
    return StreamedResponse(status, headers, representation, [part], streams)


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
    """A response whose body is computed already, or absent though it has a length: for HEAD."""

    def __init__(self, status: int, headers: Mapping[str, str], length: int, body: Chunk = b"") -> None:
        self.body = body
        self.status_code = status
        self.background = None
        self.init_headers({**headers, "Content-Length": str(length)})

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send head and body."""
        await send_complete(send, self.status_code, self.raw_headers, self.body)


async def send_complete(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: Chunk) -> None:
    """Send head and body. The end of a long one goes out alone, when the client has read nearly all."""
    is_long = len(body) > WHOLE_BYTES
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": is_long})
    if is_long:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class StreamedResponse(Response):
    """A response of exactly known length whose body is computed while it is sent."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        representation: Representation,
        segments: Sequence[Segment],
        streams: ConcurrencyLimit,
    ) -> None:
        self.representation = representation
        self.segments = segments
        self.streams = streams
        self.status_code = status
        self.background = None
        self.length = sum(map(_length, segments))
        self.init_headers({**headers, "Content-Length": str(self.length)})

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send head and body, unless the client disconnects.

        Raises:
            BusyError: Too many files are streamed; no head has been sent.
        """
        with self.streams.admit(), suppress(ClientDisconnect):
            await cancel_on_disconnect(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        """Send the head with the first chunk, so that an earlier fault is still an error answer.

        The end goes out alone: the server takes it when the client has read nearly all that comes before.
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
                await asyncio.sleep(0)  # lets other requests run, and the watch for a disconnect
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
                with refusing_preparations():
                    async for chunk in stream:
                        yield chunk
