"""Request ids, metrics, spans and access log: the outermost middleware."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from opentelemetry.context import Context, attach
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http.errors import NotReadyError
from ..http.paths import route_path
from ..http.request_context import CURRENT, FIELD, KEY_NAME, LIMIT, PROBLEM, request_id
from ..telemetry import COMPLETE, ERROR_TYPE, TRACER, recording_error
from ..worker.clients import CLIENT
from .error_handlers import answer_to
from .logs import request_fields, write_access
from .metrics import METHODS, OTHER, Metrics
from .route_groups import METRICS_PATH

UNROUTED = "(none)"  # the route of a path that this service does not have
UNTRACED = ("/healthz", "/readyz", METRICS_PATH)  # machines ask for these every few seconds

_WITHOUT_TEMPLATE = ("/docs/assets", "/openapi.json")
_PARENT = b"traceparent"
_MAX_PARENT_BYTES = 128  # a longer field is no traceparent of today's version
_PROPAGATOR = TraceContextTextMapPropagator()
_CUT = "the service stopped before this was done: ask another replica, or again shortly"
_RETRY = {"Retry-After": "1", "Connection": "close"}

_log = logging.getLogger(__name__)


class RequestTelemetry:
    """Names, measures and records every request, whatever answers it. Without a `tracer` it records no span.

    OpenTelemetry's own middleware and FastAPI's record paths, queries and addresses. Paths and queries hold
    tokens and specs here.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracer: Tracer | None, *, access_log: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        identifier = request_id(scope["headers"])
        CURRENT.set(identifier.decode())
        CLIENT.set(tuple(scope.get("client") or (identifier,)))  # ASGI allows a list
        answer = _Answer(send, identifier)
        with self._span(scope) as span:
            cut = False
            try:
                await self._app(scope, receive, answer.send)
            except Exception as error:
                answer.failed = True
                if not answer.status:  # a fault of the middleware, beyond the application's own handling
                    await answer_to(error, scope)(scope, receive, answer.send)
                raise
            except asyncio.CancelledError:  # the server stops
                cut = True
                if answer.status:
                    raise
                await answer_to(NotReadyError(_CUT, _RETRY), scope)(scope, receive, answer.send)
            finally:
                self._record(scope, answer, perf_counter() - began, span, cut=cut)

    @contextmanager
    def _span(self, scope: Scope) -> Iterator[Span]:
        """The request's span, in the trace that its `traceparent` names or in a new one.

        It stays the current one after its end, for the server's log lines. The context ends with the
        request's task.
        """
        if self._tracer is None or route_path(scope) in UNTRACED:
            yield INVALID_SPAN
            return
        parent = _parent(scope)
        method = scope["method"] if scope["method"] in METHODS else None
        span = self._tracer.start_span(
            method or "HTTP",
            parent,
            SpanKind.SERVER,
            {
                "http.request.method": method or "_OTHER",
                "url.scheme": scope["scheme"],
                "network.protocol.version": scope["http_version"],
            },
        )
        TRACER.set(self._tracer)
        attach(set_span_in_context(span, parent))
        try:
            with recording_error(span):
                yield span
        finally:
            span.end()

    def _record(self, scope: Scope, answer: _Answer, seconds: float, span: Span, *, cut: bool) -> None:
        route, key = route_template(scope), scope.get(KEY_NAME)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        self._metrics.record_request(
            route,
            method,
            answer.status,
            seconds,
            answer.nbytes,
            complete=answer.complete,
            failed=answer.failed,
        )
        if PROBLEM in scope:
            self._metrics.record_problem(scope[PROBLEM], scope.get(LIMIT))
        fields = request_fields(route, method, answer.status, seconds, answer.nbytes, key)
        if cut:
            _log.warning("the service stopped before the end of this answer", extra={"fields": fields})
        if self._access_log:
            write_access(fields, complete=answer.complete)
        if span.is_recording():
            answer.describe(span)
            if route != UNROUTED:
                span.update_name(f"{'HTTP' if method == OTHER else method} {route}")
                span.set_attribute("http.route", route)


class _Answer:
    """An answer on its way to the client. `status` is 0 until it begins."""

    def __init__(self, send: Send, identifier: bytes) -> None:
        self._send = send
        self._identifier = identifier
        self.status = 0
        self.nbytes = 0
        self.complete = False
        self.failed = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (FIELD, self._identifier)]
            await self._send(message)
            return
        await self._send(message)
        self.nbytes += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)

    def describe(self, span: Span) -> None:
        if self.status:
            span.set_attribute("http.response.status_code", self.status)
        span.set_attribute("tensorseed.body_bytes", self.nbytes)
        span.set_attribute(COMPLETE, self.complete)
        if self.status >= 500:
            span.set_attribute(ERROR_TYPE, str(self.status))
            span.set_status(StatusCode.ERROR)


def route_template(scope: Scope) -> str:
    """The template of the route that answered, such as /v1/weights/{token}: nothing that a client wrote."""
    route = scope.get("route")
    if route is not None:
        found: str = route.path_format
        return found
    path = route_path(scope)
    return next((prefix for prefix in _WITHOUT_TEMPLATE if path.startswith(prefix)), UNROUTED)


def labels(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, str]]:
    """The templates of `routes` with each method that they answer, as `route_template` names them."""
    yield from ((UNROUTED, method) for method in (*sorted(METHODS), OTHER))
    for route in routes:
        template = route.path if isinstance(route, Mount) else getattr(route, "path_format", UNROUTED)
        methods = ("GET", "HEAD") if isinstance(route, Mount) else getattr(route, "methods", None) or ()
        yield from ((template, method) for method in sorted(methods))


def _parent(scope: Scope) -> Context:
    """The context that a request's `traceparent` names; an empty one without it, or with more than one.

    `tracestate` is not read: it is for services that call others.
    """
    given = [value for name, value in scope["headers"] if name == _PARENT]
    if len(given) != 1 or len(given[0]) > _MAX_PARENT_BYTES:
        return Context()
    return _PROPAGATOR.extract({"traceparent": given[0].decode("latin-1")}, Context())
