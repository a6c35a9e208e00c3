"""HTTP/1.1 connections with limits on heads, durations and idling.

Every wait of a connection has a timer: for a head, for more of a body, for the next request, for a client
that reads. The class derives from an internal of uvicorn, its protocol over httptools, which has no such
limits.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ...http.errors import ExchangeError, MalformedRequestError
from ...http.problems import problem_response
from ...http.request_context import FIELD, request_id
from .exchange import Exchange
from .limits import ConnectionLimits
from .request_head import checked_target, without_upgrade
from .transport import ConnectionTransport
from .unread_answer import UnreadAnswer

FIELD_OVERHEAD = 4  # bytes of the colon, the space and the end of a header line
LAST_SECONDS = 1.0  # that a client has to read the last answer of a service that stops
CHUNK_OVERHEAD = 16  # bytes around a chunk that are no excess


class LimitedProtocol(HttpToolsProtocol):
    """Answers 400, 408, 414, 431 and 501 by problem documents, and then closes the connection.

    These answers come in the order of the requests, after those that are under way.
    """

    transport: ConnectionTransport  # type: ignore[assignment]
    cycle: Exchange

    def __init__(self, *args: Any, limits: ConnectionLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._fault: ExchangeError | None = None  # that stops the parser
        self._ended = False  # what the client still sends is dropped
        self._running: Exchange | None = None
        self.url = b""
        self._head_open = True  # the first head is awaited from the start
        self._begins = False  # a head begins within the last bytes received
        self._head_bytes = 0  # received since, without completing it
        self._field_bytes = 0
        self._body_open = False  # a part of the request's body is missing
        self._body_bytes = 0  # received since the last check
        self._excess = 0  # bytes received with a body that are none of it: extensions and trailers
        self._arrival: asyncio.TimerHandle | None = None  # of the awaited head or body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer of the first head."""
        super().connection_made(ConnectionTransport(transport))  # type: ignore[arg-type]
        self._unread = UnreadAnswer(self.transport, self._limits.idle_seconds)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers and requests."""
        self._stop_arrival()
        self._unread.stop()
        self.transport.end()
        if self._running is not None:
            self._running.disconnect()  # the base tells the last one of a pipeline alone
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data, within the limits of a head."""
        if self._ended or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self._begins = False
        self._excess = max(0, self._excess) + len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            if not self._ended:
                detail = "this is not HTTP/1.1 as it can be understood here: check the request's lines"
                self._refuse(self._fault or MalformedRequestError(detail))
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

    def _parse(self, data: bytes | memoryview) -> None:
        """Feed the parser, which stops behind a head that asks for an upgrade.

        No upgrade is taken here. A fresh parser reads that head again without the field, and what follows
        it: the parser that stopped would skip the body.
        """
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as stop:
                data = memoryview(data)[stop.args[0] :]
            method, version = self.parser.get_method(), self.parser.get_http_version()
            head = without_upgrade(method, self.url, version, self.headers)
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(head)

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
        if not self._body_open:
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """End a head, and begin its exchange. Raises what makes the parser stop."""
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if self.parser.should_upgrade() and method != b"CONNECT":
            return  # `_parse` has this head read again
        try:
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
        self._stop_arrival()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End an answer."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._unread.watch_rest()

    def shutdown(self) -> None:
        """Close the connection, and cut an answer that has not ended in the grace period."""
        self._ended = True
        if self._running is not None and not self._running.response_complete:
            self._running.cut()
        else:
            self.transport.close_idle()
        self.loop.call_later(LAST_SECONDS, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection without another request."""
        if not self.transport.is_closing():
            self.transport.close_idle()
        self._unread.watch_rest()

    def pause_writing(self) -> None:
        """Watch whether the client reads at all, since it reads slower than the service writes."""
        super().pause_writing()
        self._unread.watch()

    def resume_writing(self) -> None:
        """End the watch: the client has read."""
        super().resume_writing()
        self._unread.stop()
        if self.transport.is_closing():
            self._unread.watch_rest()

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
        self._refuse(self._limits.slow_head())

    def _begin(self, app: ASGI3Application, *, keep_alive: bool) -> None:
        """Run `app` for the request of `scope`, after the requests before it."""
        earlier = self.cycle
        self.cycle = Exchange(
            scope=self.scope,
            transport=self.transport,  # type: ignore[arg-type]
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )
        if earlier is None or earlier.response_complete:
            self._start_asgi_task(self.cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        assert isinstance(cycle, Exchange)
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _refuse(self, error: ExchangeError) -> None:
        """Take nothing more. Answer an error in its turn, and close.

        The application answers an error of a body itself.
        """
        self._stop_arrival()
        if self._ended or self.transport.is_closing():
            return
        self._ended = True
        if not self._body_open:
            self._answer(error)
        elif self._is_done():
            self.transport.close()
            self._unread.watch_rest()
        else:
            self.cycle.fail(error)

    def _answer(self, error: ExchangeError) -> None:
        """Answer a head that the application never sees."""
        is_head = self._head_open and self.url and self.parser.get_method() == b"HEAD"
        self.scope = {"type": "http", "method": "HEAD" if is_head else "GET"}  # type: ignore[typeddict-item]
        fields = self.headers if self._head_open and self.headers else ()
        response = problem_response(error)
        response.raw_headers += [(FIELD, request_id(fields)), (b"connection", b"close")]
        self._begin(response, keep_alive=False)  # type: ignore[arg-type]

    def _stop_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None
