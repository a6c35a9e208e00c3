"""Refusing new work while the service stops, so that what runs can end."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import NotReadyError
from service.api.keys import needs_key
from service.api.metrics import PATH
from service.api.problems import problem_response
from service.api.state import State

_HEADERS = {"Retry-After": "1", "Connection": "close"}


class Draining:
    """Answers 503 to new work once the service drains. Health, readiness and metrics are told still."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._state.draining and scope["type"] == "http" and _is_work(scope["path"]):
            error = NotReadyError("the service is stopping: ask another replica, or again shortly", _HEADERS)
            await problem_response(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_work(path: str) -> bool:
    return path != PATH and needs_key(path)
