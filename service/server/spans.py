"""Spans: of every request one, sent by OpenTelemetry, with what is done for it below.

    POST /v1/weights            a span of kind SERVER, named by method and route template
    ├── parse                   a spec, a query, a token or an evaluation is read
    ├── materialise, prepare    what must be computed before the first byte
    └── generate                the bytes of the answer, while they are sent

The middleware is of this service. Those of OpenTelemetry and of FastAPI record paths, queries, hosts and
addresses as they come, and paths and queries hold tokens and specs here. No span has a key, a token, a query,
a name that a client wrote, a body, or the message of an exception. The attributes of requests are those of
OpenTelemetry's semantic conventions, the others begin with `tensorseed.`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.semconv.attributes.network_attributes import NETWORK_PROTOCOL_VERSION
from opentelemetry.semconv.attributes.url_attributes import URL_SCHEME
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import METHODS, PATH
from .request_metrics import UNROUTED, template
from .tracing import TRACE

NAME = "tensorseed"
UNTRACED = ("/healthz", "/readyz", PATH)  # what machines ask for every few seconds
CLOSE_SECONDS = 3.0  # that the last spans have to be sent
BODY_BYTES = "tensorseed.body_bytes"
COMPLETE = "tensorseed.complete"

_PARENT = b"traceparent"
_PARENT_BYTES = 128  # a longer field is no traceparent of today's version
_PROPAGATOR = TraceContextTextMapPropagator()


class Traces:
    """Records the spans of one application and sends them to `exporter`, in batches, from a thread."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer: Tracer = self.provider.get_tracer(NAME, version(NAME))

    def install(self, app: FastAPI) -> None:
        """Surround `app`, and all that surrounds it already."""
        build = app.build_middleware_stack

        def surrounded() -> ASGIApp:
            return Traced(build(), self.tracer)

        app.build_middleware_stack = surrounded  # type: ignore[method-assign]

    async def close(self) -> None:
        """Send what is left; a collector that does not answer keeps the service a few seconds at most."""
        ending = threading.Thread(target=self.provider.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, CLOSE_SECONDS)


class Traced:
    """Records a span of every request that the application within it answers."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as part of the trace that its `traceparent` names, or of a new one."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else None
        about = {
            HTTP_REQUEST_METHOD: method or "_OTHER",
            URL_SCHEME: scope["scheme"],
            NETWORK_PROTOCOL_VERSION: scope["http_version"],
        }
        with step(self._tracer, method or "HTTP", about, _parent(scope), SpanKind.SERVER) as span:
            TRACE.set(_ids(span))
            if not span.is_recording():
                await self._app(scope, receive, send)
                return
            answer = _Answer(send)
            try:
                await self._app(scope, receive, answer.send)
            finally:
                answer.tell(span, method or "HTTP", template(scope))


class _Answer:
    """What is sent to a client, counted."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = 0
        self._nbytes = 0
        self._complete = False

    async def send(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "http.response.start":
            self._status = message["status"]
        else:
            self._nbytes += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)

    def tell(self, span: Span, method: str, route: str) -> None:
        """Complete the span with what is known at the end alone, its name among it."""
        if route != UNROUTED:
            span.update_name(f"{method} {route}")
            span.set_attribute(HTTP_ROUTE, route)
        if self._status:
            span.set_attribute(HTTP_RESPONSE_STATUS_CODE, self._status)
        span.set_attribute(BODY_BYTES, self._nbytes)
        span.set_attribute(COMPLETE, self._complete)
        if self._status >= 500:
            span.set_attribute(ERROR_TYPE, str(self._status))
            span.set_status(StatusCode.ERROR)


@contextmanager
def step(
    tracer: Tracer,
    name: str,
    about: Mapping[str, Any] | None = None,
    context: Context | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Iterator[Span]:
    """A span around a block, below the running one. Of an exception it tells the type, never the message."""
    with tracer.start_as_current_span(
        name, context, kind, about, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute(ERROR_TYPE, type(error).__qualname__)
            if isinstance(error, Exception):
                span.set_status(StatusCode.ERROR)
            raise


def make_exporter() -> SpanExporter:
    """What sends spans: OTLP over HTTP, as `OTEL_EXPORTER_OTLP_…` say."""
    return OTLPSpanExporter()


def _resource() -> Resource:
    """Who sends the spans: this service, unless `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` differ."""
    own = {"service.name": NAME, "service.version": version(NAME)}
    return Resource.create({**own, **OTELResourceDetector().detect().attributes})


def _parent(scope: Scope) -> Context:
    """The trace that a request belongs to; an empty context where it names none, or more than one.

    `tracestate` is not read: it is for services that ask others.
    """
    given = [value for name, value in scope["headers"] if name == _PARENT]
    if len(given) != 1 or len(given[0]) > _PARENT_BYTES:
        return Context()
    return _PROPAGATOR.extract({"traceparent": given[0].decode("latin-1")}, Context())


def _ids(span: Span) -> Mapping[str, str]:
    found = span.get_span_context()
    if not found.is_valid:
        return {}
    return {"trace_id": format_trace_id(found.trace_id), "span_id": format_span_id(found.span_id)}
