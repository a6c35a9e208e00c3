"""Every request seen from outside: its id, its metrics, its log line."""

from __future__ import annotations

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http.request_ids import CURRENT, FIELD, request_id
from .authentication import KEY_NAME
from .logs import write_access
from .metrics import METHODS, Metrics

UNROUTED = "(none)"  # the route of a path that this service does not have
_PLAIN = ("/docs/assets", "/openapi.json")  # routes that tell no template


class Observed:
    """Counts what the application within it answers, errors included, and names every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, access_log: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        identifier = request_id(scope["headers"])
        CURRENT.set(identifier.decode())
        status, nbytes, complete = 0, 0, False

        async def observed(message: Message) -> None:
            nonlocal status, nbytes, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (FIELD, identifier)]
                await send(message)
                return
            await send(message)
            nbytes += len(message.get("body", b""))
            complete = not message.get("more_body", False)

        try:
            await self._app(scope, receive, observed)
        finally:
            seconds = perf_counter() - began
            route = template(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.answered(route, method, status, seconds, nbytes, complete=complete)
            if self._access_log:
                write_access(route, method, status, seconds, nbytes, scope.get(KEY_NAME))


def template(scope: Scope) -> str:
    """The template of the route that answered, such as /v1/weights/{token}: never what a client wrote."""
    route = scope.get("route")
    if route is not None:
        found: str = route.path_format
        return found
    path = scope["path"]
    return next((place for place in _PLAIN if path.startswith(place)), UNROUTED)
