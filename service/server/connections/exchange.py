"""Exchange of a request and its answer, which faults and stops may end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
)
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from ...http.request_context import BODY_FAULT
from .transport import ConnectionTransport

_DISCONNECT: ASGIReceiveEvent = {"type": "http.disconnect"}


class Exchange(RequestResponseCycle):
    """A request and its answer."""

    transport: ConnectionTransport  # type: ignore[assignment]
    _failed = False
    _task: asyncio.Task[Any] | None = None

    def fail(self, fault: Exception) -> None:
        """End the body before its end. The application can still answer, and then the connection closes."""
        self.scope[BODY_FAULT] = fault  # type: ignore[literal-required]
        self._failed, self.keep_alive = True, False
        self.message_event.set()

    def disconnect(self) -> None:
        """Tell the application that the client has left."""
        if not self.response_complete:
            self.disconnected = True
            self.message_event.set()

    def cut(self) -> None:
        """End an answer before its end, and the connection with it."""
        if self._task is None:
            self.transport.abort()
        else:
            self._task.cancel()

    async def run_asgi(self, app: ASGI3Application) -> None:
        """Run the application. Unlike the base, a stop of the server is no fault of the application."""
        self._task = asyncio.current_task()
        self._app = app
        await super().run_asgi(self._run)
        self._task = None

    async def receive(self) -> ASGIReceiveEvent:
        """The next part of the body, or the end of it or of the connection."""
        if self._failed:
            return _DISCONNECT
        message = await super().receive()
        return _DISCONNECT if self._failed else message

    def send(self, message: ASGISendEvent) -> Coroutine[Any, Any, None]:
        """Send a part of the answer.

        A client that was not told to continue may or may not send its body. Both would read the next bytes
        differently, so the connection ends with this answer.
        """
        if self.waiting_for_100_continue and self.more_body:
            self.keep_alive = False
        if message["type"] == "http.response.start":
            self.transport.hold()
        return super().send(message)

    async def _run(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            self._break_off()
        if self._failed and self.response_started and not self.response_complete:
            self._break_off()

    def _break_off(self) -> None:
        """End the connection, since nothing else tells the client that its answer is not whole."""
        self.disconnected = True
        self.transport.abort()
