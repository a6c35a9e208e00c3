"""Stopping so that nothing breaks: readiness turns first, what runs may end, new work is refused."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.state import State

LOOKING_SECONDS = 0.1  # between two looks at whether all has ended
SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], Any]


class Graceful:
    """An application whose server is stopped by a signal only once its streams and evaluations have ended.

    The server's own handlers are put aside when the application starts, and called when it has drained, at
    most `grace_seconds` after the signal and at least `notice_seconds`. A second SIGINT stops it at once.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state
        self._servers: dict[int, Handler] = {}
        self._draining: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take over the signals when the application starts, and pass everything on."""
        if scope["type"] == "lifespan":
            self._take_over()
        await self._app(scope, receive, send)

    def _take_over(self) -> None:
        """Put handlers before those of the server, which has set its own before the application starts."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()

        def handle(number: int, frame: FrameType | None) -> None:
            if self._state.draining and number == signal.SIGINT:
                self._servers[number](number, frame)
            elif not self._state.draining:
                self._state.draining, self._state.ready = True, False
                loop.call_soon_threadsafe(self._begin, number)

        for number in SIGNALS:
            found = signal.getsignal(number)
            if callable(found):
                self._servers[number] = found
                signal.signal(number, handle)

    def _begin(self, number: int) -> None:
        self._draining = asyncio.ensure_future(self._drain(number))

    async def _drain(self, number: int) -> None:
        """Wait until all has ended, and let the server stop."""
        settings, loop = self._state.settings, asyncio.get_running_loop()
        began = loop.time()
        while self._is_awaited(loop.time() - began, settings.notice_seconds, settings.grace_seconds):
            await asyncio.sleep(LOOKING_SECONDS)
        self._servers[number](number, None)

    def _is_awaited(self, passed: float, notice: float, grace: float) -> bool:
        active = self._state.admission.active + self._state.computing.active
        return passed < notice or (active > 0 and passed < grace)
