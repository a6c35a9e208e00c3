"""One connection, guarded: bounds on a request's head and its time, and on a client that does not read.

A subclass of uvicorn's protocol over httptools, which has none of these bounds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.api.errors import (
    ExchangeError,
    HeadSizeError,
    MalformedRequestError,
    SlowHeadError,
    UrlSizeError,
)
from service.api.problems import problem_response

FIELD_OVERHEAD = 4  # of the colon, the space and the end of a header line


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one connection: bytes of a URL and of all header fields, seconds for a head and without reading."""

    url_bytes: int
    header_bytes: int
    header_seconds: float
    idle_seconds: float


class GuardedProtocol(HttpToolsProtocol):
    """Answers 414, 431, 408 and 400 itself, as problem documents, and then closes the connection."""

    def __init__(self, *args: Any, bounds: Bounds, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bounds = bounds
        self._refusal: ExchangeError | None = None
        self._head_open = True  # the first request is awaited from the start
        self._head_bytes = 0  # that came without completing the head
        self._field_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Await the first head for a limited time."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let no timer outlive the connection."""
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, within the bounds of a head."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if not self._head_open:
            return
        if self._head_timer is None:
            self._await_head()
        self._head_bytes += len(data)
        if self._head_bytes > self._bounds.url_bytes + self._bounds.header_bytes:
            self._refuse(self._large_head())

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head_open = True
        self._head_bytes = self._field_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A part of the URL has come."""
        super().on_url(url)
        if len(self.url) > self._bounds.url_bytes:
            self._refusal = UrlSizeError(
                f"the URL may have {self._bounds.url_bytes:,} bytes: post the spec as a body instead"
            )
            raise self._refusal

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field has come."""
        self._field_bytes += len(name) + len(value) + FIELD_OVERHEAD
        if self._field_bytes > self._bounds.header_bytes:
            self._refusal = self._large_head()
            raise self._refusal
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head has come."""
        self._head_open = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002, the base's signature
        """Refuse what cannot be parsed, or lies outside of the bounds."""
        detail = "this is not HTTP/1.1 as it can be understood here: check the request's first lines"
        self._refuse(self._refusal or MalformedRequestError(detail))

    def pause_writing(self) -> None:
        """The client reads slower than is written: watch whether it reads at all."""
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self._bounds.header_seconds, self._head_too_slow)

    def _head_too_slow(self) -> None:
        seconds = f"{self._bounds.header_seconds:g}"
        self._refuse(
            SlowHeadError(f"the request's head did not come within {seconds} seconds: send it at once")
        )

    def _large_head(self) -> HeadSizeError:
        limit = f"{self._bounds.header_bytes:,}"
        return HeadSizeError(f"the header fields may have {limit} bytes together: send fewer or shorter ones")

    def _refuse(self, error: ExchangeError) -> None:
        """Answer an error and close; only close where an answer is under way."""
        self._stop_timers()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_refusal(error))
        self.transport.close()

    def _watch_reading(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._idle_timer = self.loop.call_later(self._bounds.idle_seconds, self._check_reading)

    def _check_reading(self) -> None:
        """Drop a client that has read nothing since the last look."""
        if self.transport.get_write_buffer_size() < self._unread:
            self._watch_reading()
        else:
            self.transport.abort()

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()


def _refusal(error: ExchangeError) -> bytes:
    """The whole answer to a request that no application sees."""
    response = problem_response(error)
    fields = [*response.raw_headers, (b"connection", b"close")]
    lines = (b"%s: %s\r\n" % field for field in fields)
    return b"".join((STATUS_LINE[response.status_code], *lines, b"\r\n", bytes(response.body)))
