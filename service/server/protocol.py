"""HTTP/1.1 connections with limits on heads, durations and idling.

Every wait of a connection has a timer: for a head, for more of a body, for the next request, for a client
that reads. The class derives from an internal of uvicorn, its protocol over httptools, which has no such
limits.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ..http.errors import (
    ExchangeError,
    HeadSizeError,
    MalformedRequestError,
    SlowHeadError,
    UrlSizeError,
)
from ..http.problems import problem_response
from ..http.request_context import FIELD, request_id

FIELD_OVERHEAD = 4  # bytes of the colon, the space and the end of a header line


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of one connection.

    `url_bytes` and `header_bytes` bound a head. It has `header_seconds` to arrive. A client that reads
    nothing of its answer, or sends nothing of its body, is dropped after `idle_seconds`.
    """

    url_bytes: int
    header_bytes: int
    header_seconds: float
    idle_seconds: float


class LimitedProtocol(HttpToolsProtocol):
    """Answers 414, 431, 408 and 400 by problem documents, and then closes the connection."""

    def __init__(self, *args: Any, limits: ConnectionLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._refusal: ExchangeError | None = None
        self._head_open = True  # the first head is awaited from the start
        self._begins = False  # a head begins within the last bytes received
        self._head_bytes = 0  # received since, without completing it
        self._field_bytes = 0
        self._body_open = False  # a part of the request's body is missing
        self._body_bytes = 0  # received since the last check
        self._arrival: asyncio.TimerHandle | None = None  # of the awaited head or body
        self._reading: asyncio.TimerHandle | None = None  # of a client with unread bytes
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer of the first head."""
        plain = sys.platform != "win32" and transport.get_extra_info("sslcontext") is None
        super().connection_made(SocketWriter(transport) if plain else transport)  # type: ignore[arg-type]
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self._stop_arrival()
        self._stop_reading()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data, within the limits of a head."""
        if self.transport.is_closing():
            return
        self._begins = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._body_open:
            self._body_bytes += len(data)
            if self._arrival is None:
                self._await_body()
        elif self._arrival is None and (self._head_open or self._is_done()):
            self._await_head()
        if self._head_open and not self._begins:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.url_bytes + self._limits.header_bytes:
                self._refuse(self._large_head())

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._head_open = self._begins = True
        self._head_bytes = self._field_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the URL. Raises what makes the parser stop."""
        super().on_url(url)
        if len(self.url) > self._limits.url_bytes:
            self._refusal = UrlSizeError(
                f"the URL may have {self._limits.url_bytes:,} bytes: post the spec as a body instead"
            )
            raise self._refusal

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field. Raises what makes the parser stop."""
        self._field_bytes += len(name) + len(value) + FIELD_OVERHEAD
        if self._field_bytes > self._limits.header_bytes:
            self._refusal = self._large_head()
            raise self._refusal
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End a head."""
        self._head_open, self._body_open = False, True
        self._stop_arrival()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a body."""
        self._body_open = False
        self._stop_arrival()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End an answer."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._linger()

    def shutdown(self) -> None:
        """Close the connection, and drop a client whose answer has not ended in the grace period."""
        super().shutdown()
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection without another request."""
        super().timeout_keep_alive_handler()
        self._linger()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002, the base's signature
        """Refuse a request that cannot be parsed, or exceeds a limit."""
        detail = "this is not HTTP/1.1 as it can be understood here: check the request's first lines"
        self._refuse(self._refusal or MalformedRequestError(detail))

    def pause_writing(self) -> None:
        """Watch whether the client reads at all, since it reads slower than the service writes."""
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        """End the watch: the client has read."""
        super().resume_writing()
        self._stop_reading()
        if self.transport.is_closing():
            self._linger()

    def _is_done(self) -> bool:
        """Whether every request has been answered."""
        return self.cycle is not None and self.cycle.response_complete and not self.pipeline

    def _await_head(self) -> None:
        self._arrival = self.loop.call_later(self._limits.header_seconds, self._head_too_slow)

    def _await_body(self) -> None:
        """Start the timer of a body. `held` if the application has paused reading."""
        self._body_bytes = 0
        held = self.flow.read_paused
        self._arrival = self.loop.call_later(self._limits.idle_seconds, self._check_body, held)

    def _check_body(self, held: bool) -> None:
        """Drop a client that sends nothing of its body, or still sends after its answer."""
        if (self._body_bytes or held or self.flow.read_paused) and not self._is_done():
            self._await_body()
        else:
            self.transport.abort()

    def _head_too_slow(self) -> None:
        """Refuse a head that is late, unless that would break off an answer under way."""
        if self.cycle is not None and not self._is_done():
            self._await_head()
            return
        seconds = f"{self._limits.header_seconds:g}"
        self._refuse(
            SlowHeadError(f"the request's head did not come within {seconds} seconds: send it at once")
        )

    def _large_head(self) -> HeadSizeError:
        limit = f"{self._limits.header_bytes:,}"
        return HeadSizeError(f"the header fields may have {limit} bytes together: send fewer or shorter ones")

    def _refuse(self, error: ExchangeError) -> None:
        """Answer an error and close. With an answer under way, close alone."""
        self._stop_arrival()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_refusal(error, request_id(self.headers or ())))
        self.transport.close()
        self._linger()

    def _linger(self) -> None:
        """Watch whether the client of a closed connection reads the rest, which stays buffered until then."""
        if self._reading is None and self.transport.get_write_buffer_size():
            self._watch_reading()

    def _watch_reading(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(self._limits.idle_seconds, self._check_reading)

    def _check_reading(self) -> None:
        """Drop a client that has read nothing since the last check."""
        if self.transport.get_write_buffer_size() < self._unread:
            self._watch_reading()
        else:
            self.transport.abort()

    def _stop_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None


def _refusal(error: ExchangeError, identifier: bytes) -> bytes:
    """The whole answer to a request that the application never sees."""
    response = problem_response(error)
    fields = [*response.raw_headers, (FIELD, identifier), (b"connection", b"close")]
    lines = (b"%s: %s\r\n" % field for field in fields)
    return b"".join((STATUS_LINE[response.status_code], *lines, b"\r\n", bytes(response.body)))


MIN_DIRECT_BYTES = 1 << 22  # by default the chunks of one or two streams that have the service to themselves


class SocketWriter:
    """The transport of a connection without TLS, whose large writes release the interpreter's lock.

    All but `write` is that of `transport`. uvloop holds the lock while it copies data into the socket: 0.7 ms
    for 4 MiB. No thread can hand over its chunk and begin the next meanwhile. `os.write` releases the lock,
    and waits to take it again. For the small chunks of many streams, that wait is longer than the copy.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._socket = transport.get_extra_info("socket")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data, and buffer what the socket does not accept.

        As in any transport, an error closes the connection, and the protocol receives it.
        """
        if len(data) >= MIN_DIRECT_BYTES and not self._transport.is_closing():
            data = memoryview(data)[self._sent(data) :]
        if data:
            self._transport.write(data)

    def _sent(self, data: bytes | bytearray | memoryview) -> int:
        """The number of bytes that the socket accepts now: none while earlier data wait."""
        if self._transport.get_write_buffer_size():
            return 0
        try:
            return os.write(self._socket.fileno(), data)
        except OSError:  # the socket is full or broken, which the transport finds out itself
            return 0
