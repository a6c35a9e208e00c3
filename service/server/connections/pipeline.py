"""Exchanges of one connection, in the order of their requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ...http.problems import COMMON
from ...http.request_context import FIELD, request_id
from .exchange import Exchange
from .limits import ConnectionLimits
from .transport import ConnectionTransport
from .unread_answer import UnreadAnswer

LAST_SECONDS = 1.0  # that a client has to read the last answer of a service that stops
METRICS = "tensorseed.metrics"  # in the state of the application's lifespan


class ConnectionMetrics(Protocol):
    """Counters of what no route sees."""

    def record_problem(self, kind: str) -> None:
        """Count an answer to a request that the application never sees."""

    def record_refused_connection(self) -> None:
        """Count a connection that is refused since file descriptors run short."""


class PipelinedProtocol(HttpToolsProtocol):
    """Runs the exchanges of a connection one after another, and closes it.

    An internal of uvicorn reads requests, and queues them.
    """

    transport: ConnectionTransport  # type: ignore[assignment]
    cycle: Exchange

    def __init__(self, *args: Any, limits: ConnectionLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._ended = False  # what the client still sends is dropped
        self._running: Exchange | None = None
        self._metrics: ConnectionMetrics | None = self.app_state.get(METRICS)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(ConnectionTransport(transport, self._is_read))  # type: ignore[arg-type]
        self._unread = UnreadAnswer(self.transport, self._limits.idle_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """End all requests."""
        self._unread.stop()
        self.transport.end()
        if self._running is not None:
            self._running.disconnect()  # the base tells the last one of a pipeline alone
            self._running = None
        self.pipeline.clear()
        super().connection_lost(exc)

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

    def _is_read(self) -> bool:
        """Whether the client has sent all that it announced, and nothing behind it."""
        return not self._ended and not self.flow.read_paused

    def _is_done(self) -> bool:
        """Whether every request has been answered."""
        return self.cycle is not None and self.cycle.response_complete and not self.pipeline

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

    def _answer(self, error: Exception, method: str, fields: Iterable[tuple[bytes, bytes]]) -> None:
        """Answer a request that the application never sees."""
        occurrence = COMMON.occurrence(error)
        if self._metrics is not None:
            self._metrics.record_problem(occurrence.kind.name)
        self.scope = {"type": "http", "method": method}  # type: ignore[typeddict-item]
        response = COMMON.error_format.response(occurrence, {})
        response.raw_headers += [(FIELD, request_id(fields)), (b"connection", b"close")]
        self._begin(response, keep_alive=False)  # type: ignore[arg-type]
