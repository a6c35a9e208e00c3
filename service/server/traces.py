"""Export of spans by OpenTelemetry's SDK, which is an extra.

The SDK is imported by those functions alone that a service with traces calls.
"""

from __future__ import annotations

import asyncio
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.trace import Tracer, get_tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

NAME = "tensorseed"
CLOSE_SECONDS = 3.0  # to send the last spans


class TracesError(ValueError):
    """Spans that cannot be exported. The message names the remedy."""


class Traces:
    """The tracer of one application, whose spans go to `exporter` in batches, from a thread."""

    def __init__(self, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        defaults = {"service.name": NAME, "service.version": version(NAME)}
        resource = Resource.create({**defaults, **OTELResourceDetector().detect().attributes})
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer: Tracer = get_tracer(NAME, version(NAME), self.provider)

    async def close(self) -> None:
        """Send the last spans. A collector that does not answer delays the end by `CLOSE_SECONDS`."""
        ending = threading.Thread(target=self.provider.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, CLOSE_SECONDS)


def start_traces() -> Traces:
    """Begin to export spans, to where OpenTelemetry's own variables `OTEL_…` say.

    Raises:
        TracesError: without the extra, or with a variable that cannot be used.
    """
    check_traces()
    try:
        return Traces(make_exporter())
    except ValueError as error:
        raise TracesError(f"traces cannot be recorded: {error}: correct the variables OTEL_…") from None


def make_exporter() -> SpanExporter:
    """The exporter of OTLP over HTTP, as the variables `OTEL_EXPORTER_OTLP_…` configure it."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def check_traces() -> None:
    """Raise TracesError where the extra is not installed."""
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace  # noqa: F401
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        remedy = "install tensorseed[otel], or switch traces off"
        raise TracesError(f"traces need OpenTelemetry, which is not installed: {remedy}") from None
