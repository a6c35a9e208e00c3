"""HTTP/1.1 connections with limits on heads, durations and idling.

Every wait of a connection has a timer: for a head, for more of a body, for the next request, for a client
that reads. uvicorn's protocol over httptools has no such limits.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools

from ...http.errors import ExchangeError, MalformedRequestError
from .descriptors import LEAST, RESERVED, Shortage, spare
from .pipeline import PipelinedProtocol
from .request_head import checked_target, without_upgrade

FIELD_OVERHEAD = 4  # bytes of the colon, the space and the end of a header line
CHUNK_OVERHEAD = 16  # bytes around a chunk that are no excess
PART_BYTES = 1 << 13  # parsed at a time
SHORTAGE_SECONDS = 1.0  # that a connection may hold a descriptor of the reserve

_LINES = "this is not HTTP/1.1 as it can be understood here: begin with a line such as GET /path HTTP/1.1"
_CHUNKS = "the chunks of the body are malformed: send each size in hexadecimal, its data, and line ends"


class LimitedProtocol(PipelinedProtocol):
    """Answers 400, 408, 414, 431, 501 and 503 by problem documents, and then closes the connection.

    These answers come in the order of the requests, after those that are under way.
    """

    shortage = Shortage()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fault: ExchangeError | None = None  # that stops the parser
        self._is_refused = False  # whatever it asks
        self.url = b""
        self._head_open = True  # the first head is awaited from the start
        self._begins = False  # a head begins within the last bytes received
        self._head_bytes = 0  # received since, without completing it
        self._field_bytes = 0
        self._body_open = False  # a part of the request's body is missing
        self._body_bytes = 0  # received since the last check
        self._excess = 0  # bytes received with a body that are none of it: extensions and trailers
        self._unparsed = b""  # received while requests wait for their turn
        self._arrival: asyncio.TimerHandle | None = None  # of the awaited head or body
        self._tolerate_close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer of the first head."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        free = spare(sock.fileno()) if sock is not None else RESERVED
        if free < RESERVED:
            self._refuse_for_shortage(free)
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_arrival()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data, within the limits of a head."""
        if self._ended or self.transport.is_closing():
            return
        if self._unparsed:
            self._unparsed += data
            self.flow.pause_reading()
            return
        self._unset_keepalive_if_required()
        self._begins = False
        try:
            self._parse(data)
        except httptools.HttpParserError:
            if not self._ended:
                self._refuse(self._fault or MalformedRequestError(_CHUNKS if self._body_open else _LINES))
            return
        if self._body_open:
            self._body_bytes += len(data)
            if self._arrival is None:
                self._await_body()
            if self._excess > self._limits.header_bytes:
                self._refuse(self._limits.large_chunks())
        elif self._arrival is None and (self._head_open or self._is_done()):
            self._await_head()
        if self._head_open and not self._begins:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.url_bytes + self._limits.header_bytes:
                self._refuse(self._limits.large_head())

    def _parse(self, data: bytes) -> None:
        """Feed the parser, and stop while a request waits for its turn.

        A request of 30 bytes takes kilobytes, so few may wait: of one part of the data.
        """
        rest: bytes | memoryview = data if len(data) <= PART_BYTES else memoryview(data)
        while rest:
            if self.pipeline and not self._body_open:
                self._unparsed = bytes(rest)
                return
            rest = rest[self._feed(rest[:PART_BYTES]) :]

    def _feed(self, part: bytes | memoryview) -> int:
        """Feed the parser, and return the number of bytes that it has taken.

        It stops behind a head that asks for an upgrade. No upgrade is taken here. A fresh parser reads that
        head again without the field, and what follows it: the parser that stopped would skip the body.
        """
        try:
            self._excess = max(0, self._excess) + len(part)
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade as stop:
            taken: int = stop.args[0]
        else:
            return len(part)
        method, version = self.parser.get_method(), self.parser.get_http_version()
        head = without_upgrade(method, self.url, version, self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self._tolerate_close()
        self._excess = 0
        self.parser.feed_data(head)
        return taken

    def _tolerate_close(self) -> None:
        """Let the parser go on behind any `Connection: close`.

        It would obey one in a trailer, too, and skip the requests behind it. `on_message_begin` obeys the
        head's.
        """
        self.parser.set_dangerous_leniencies(lenient_keep_alive=True)

    def on_message_begin(self) -> None:
        """Begin a head. Raises what makes the parser stop, behind the last request of the connection."""
        if self.cycle is not None and not self.cycle.keep_alive:
            self._ended = True
            raise MalformedRequestError("the connection ends before this request: open another one")
        super().on_message_begin()
        self._head_open = self._begins = True
        self._head_bytes = self._field_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the URL. Raises what makes the parser stop."""
        super().on_url(url)
        if len(self.url) > self._limits.url_bytes:
            self._fault = self._limits.long_url()
            raise self._fault

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field, or drop a trailer field. Raises what makes the parser stop."""
        self._field_bytes += len(name) + len(value) + FIELD_OVERHEAD
        if self._field_bytes > self._limits.header_bytes:
            self._fault = self._limits.large_head()
            raise self._fault
        if self._body_open:
            return
        name, value = name.lower(), value.rstrip(b" \t")
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """End a head, and begin its exchange. Raises what makes the parser stop."""
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if self.parser.should_upgrade() and method != b"CONNECT":
            return  # `_parse` has this head read again
        try:
            if self._is_refused:
                raise self._limits.no_descriptor()
            target = checked_target(method, self.url, version, self.headers)
        except ExchangeError as fault:
            self._fault = fault
            raise
        self._head_open, self._body_open = False, True
        self._excess -= len(self.url) + self._field_bytes
        self._stop_arrival()
        raw_path, _, query = target.partition(b"?")
        path = raw_path.decode("ascii")
        self.scope["method"], self.scope["http_version"] = method.decode("ascii"), version
        self.scope["path"] = self.root_path + (unquote(path) if "%" in path else path)
        self.scope["raw_path"] = self.root_path.encode("ascii") + raw_path
        self.scope["query_string"] = query
        modern = version == "1.1"
        self.expect_100_continue &= modern
        self._begin(self.app, keep_alive=modern and self.parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._excess -= len(body)
        super().on_body(body)

    def on_chunk_complete(self) -> None:
        """End a chunk, whose size and line ends are no excess."""
        self._excess -= CHUNK_OVERHEAD

    def on_message_complete(self) -> None:
        """End a body."""
        if self.parser.should_upgrade():
            return
        self._body_open = False
        self._excess = 0  # of this body; the next request has an excess of its own
        self._stop_arrival()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End an answer, and go on with requests that wait to be parsed."""
        super().on_response_complete()
        if self._unparsed and not self.pipeline:
            data, self._unparsed = self._unparsed, b""
            self.data_received(data)

    def _is_read(self) -> bool:
        return super()._is_read() and not self._body_open

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
        self._refuse(self._limits.slow_head())

    def _refuse(self, error: ExchangeError) -> None:
        """Take nothing more. Answer an error in its turn, and close.

        The application answers an error of a body itself.
        """
        self._stop_arrival()
        if self._ended or self.transport.is_closing():
            return
        self._ended = True
        if not self._body_open:
            is_head = self._head_open and self.url and self.parser.get_method() == b"HEAD"
            fields = self.headers if self._head_open and self.headers else ()
            self._answer(error, "HEAD" if is_head else "GET", fields)
        elif self._is_done():
            self.transport.close()
            self._unread.watch_rest()
        else:
            self.cycle.fail(error)

    def _refuse_for_shortage(self, free: int) -> None:
        """Answer 503 to the connection's first request, or at once if hardly a descriptor is left."""
        self.shortage.record(self.loop.time())
        if self._metrics is not None:
            self._metrics.record_refused_connection()
        self._is_refused = True
        self.transport.linger_seconds = SHORTAGE_SECONDS if free >= LEAST else 0.0
        if free >= LEAST:
            self._arrival = self.loop.call_later(SHORTAGE_SECONDS, self._refuse, self._limits.no_descriptor())
        else:
            self._refuse(self._limits.no_descriptor())

    def _stop_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None
