"""Stopping so that nothing breaks: readiness turns first, what runs may end, new work is refused."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from ..settings import Settings

LOOKING_SECONDS = 0.1  # between two looks at whether all has ended
SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], Any]


@dataclass(slots=True)
class Lifecycle:
    """The phase of an application between start and stop, and its requests for work."""

    settings: Settings
    ready: bool = False
    draining: bool = False
    under_way: int = 0


class Graceful:
    """An application whose server is stopped by a signal only once its requests have ended.

    The server's own handlers are put aside when the application starts. A signal turns readiness, new work is
    refused `notice_seconds` later, and the server's handler is called once what runs has ended, at most
    `grace_seconds` after that. A second SIGINT stops it at once.
    """

    def __init__(self, app: ASGIApp, state: Lifecycle) -> None:
        self._app = app
        self._state = state
        self._servers: dict[int, Handler] = {}
        self._stopping = False
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
            if self._stopping and number == signal.SIGINT:
                self._servers[number](number, frame)
            elif not self._stopping:
                self._stopping, self._state.ready = True, False
                loop.call_soon_threadsafe(self._begin, number)

        for number in SIGNALS:
            found = signal.getsignal(number)
            if callable(found):
                self._servers[number] = found
                signal.signal(number, handle)

    def _begin(self, number: int) -> None:
        self._draining = asyncio.ensure_future(self._drain(number))

    async def _drain(self, number: int) -> None:
        """Give notice, refuse new work, wait until all has ended, and let the server stop."""
        settings, loop = self._state.settings, asyncio.get_running_loop()
        await asyncio.sleep(settings.notice_seconds)
        self._state.draining = True
        end = loop.time() + settings.grace_seconds
        while self._state.under_way and loop.time() < end:
            await asyncio.sleep(LOOKING_SECONDS)
        self._servers[number](number, None)
