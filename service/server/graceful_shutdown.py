"""Graceful shutdown: readiness fails, new work is refused, work ends.

ready ── signal ──▶ notice_seconds ──▶ draining, at most grace_seconds ──▶ the server stops
                                        │ or until no request is active
                                        └ a second SIGINT: at once
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from types import FrameType
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from ..http.errors import NotReadyError
from ..http.paths import route_path
from .error_handlers import answer_to
from .route_groups import METRICS_PATH, needs_key

POLL_SECONDS = 0.1  # between two checks whether all requests have ended
SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], Any]

_HEADERS = {"Retry-After": "1", "Connection": "close"}

_log = logging.getLogger(__name__)


class GracefulShutdown:
    """The phases of one application, and its active requests for work.

    `ready` is what /readyz answers. While `draining`, the service refuses new work.
    """

    def __init__(self, notice_seconds: float, grace_seconds: float) -> None:
        self.ready = False
        self.draining = False
        self.active = 0
        self._notice_seconds = notice_seconds
        self._grace_seconds = grace_seconds
        self._handlers: dict[int, Handler] = {}  # of the server
        self._stopping = False
        self._at_once = False
        self._drained: asyncio.Task[None] | None = None

    @contextmanager
    def serving(self) -> Iterator[None]:
        """A block within which the application is ready, and a signal stops the server gracefully.

        The server has installed its own handlers before the application starts.
        """
        self._take_signals()
        self.ready = True
        try:
            yield
        finally:
            self.ready = False
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def _take_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()

        def handle(number: int, frame: FrameType | None) -> None:
            if not self._stopping:
                self._stopping, self.ready = True, False
                loop.call_soon_threadsafe(self._begin, number, context=Context())  # not that of a request
            elif number == signal.SIGINT:
                self._at_once = True
                self._handlers[number](number, frame)

        for number in SIGNALS:
            found = signal.getsignal(number)
            if callable(found):
                self._handlers[number] = found
                signal.signal(number, handle)

    def _begin(self, number: int) -> None:
        self._drained = asyncio.ensure_future(self._drain(number))

    async def _drain(self, number: int) -> None:
        """Give notice, refuse new work, wait for the active requests, and let the server stop."""
        loop = asyncio.get_running_loop()
        if not self.active and sys.stderr.isatty():
            _log.info("stopping: no request is under way")
        elif self.active:
            requests = f"{self.active:,} request{'s' if self.active > 1 else ''}"
            remedy = "; Ctrl-C again to stop at once" if number == signal.SIGINT else ""
            seconds = self._notice_seconds + self._grace_seconds
            _log.info("stopping: %s under way, at most %g s%s", requests, seconds, remedy)
        await asyncio.sleep(self._notice_seconds)
        self.draining = True
        end = loop.time() + self._grace_seconds
        while self.active and loop.time() < end:
            await asyncio.sleep(POLL_SECONDS)
        if not self._at_once:  # another call would make the server skip the application's shutdown
            self._handlers[number](number, None)


class Draining:
    """Counts requests for work, and answers them 503 while the service drains.

    Health, readiness, metrics and documentation are answered until the end.
    """

    def __init__(self, app: ASGIApp, shutdown: GracefulShutdown) -> None:
        self._app = app
        self._shutdown = shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not _is_work(route_path(scope)):
            await self._app(scope, receive, send)
        elif self._shutdown.draining:
            error = NotReadyError("the service is stopping: ask another replica, or again shortly", _HEADERS)
            await answer_to(error, scope)(scope, receive, send)
        else:
            self._shutdown.active += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._shutdown.active -= 1


def _is_work(path: str) -> bool:
    return path != METRICS_PATH and needs_key(path)
