"""Refusing new work while the service stops, so that what runs can end."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from ..http.errors import NotReadyError
from .error_handlers import answer_to
from .graceful_shutdown import Lifecycle
from .metrics import PATH
from .scopes import needs_key

_HEADERS = {"Retry-After": "1", "Connection": "close"}


class Draining:
    """Counts the work under way, and answers 503 to new work once the service drains.

    Health, readiness and metrics are told still.
    """

    def __init__(self, app: ASGIApp, state: Lifecycle) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not _is_work(scope["path"]):
            await self._app(scope, receive, send)
        elif self._state.draining:
            error = NotReadyError("the service is stopping: ask another replica, or again shortly", _HEADERS)
            await answer_to(error, scope)(scope, receive, send)
        else:
            self._state.under_way += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._state.under_way -= 1


def _is_work(path: str) -> bool:
    return path != PATH and needs_key(path)
