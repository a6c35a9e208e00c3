"""Whether requests are traced: the seam between the service and OpenTelemetry's SDK, which is an extra.

Nothing here imports it, so a service without traces neither needs it nor pays for it. What records spans is
in `service.server.spans` and `service.server.traced_work`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .spans import Traces

TRACE: ContextVar[Mapping[str, str]] = ContextVar("trace", default={})  # noqa: B039, never changed in place
"""What names the span of the request that the running task answers, for the logs: `trace_id` and `span_id`,
in hexadecimal as in `traceparent`. Empty outside of a traced request.
"""


class TracesError(ValueError):
    """Traces that cannot be recorded. The message names the remedy."""


def start_traces() -> Traces:
    """What records spans and sends them to where OpenTelemetry's own variables say, `OTEL_…`.

    Raises TracesError without the extra, and where a variable cannot be used.
    """
    check_traces()
    from .spans import Traces, make_exporter

    try:
        return Traces(make_exporter())
    except ValueError as error:
        raise TracesError(f"traces cannot be recorded: {error}: correct the variables OTEL_…") from None


def check_traces() -> None:
    """Raise TracesError where the extra is not installed."""
    try:
        from .spans import Traces  # noqa: F401
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        remedy = "install tensorseed[otel], or switch traces off"
        raise TracesError(f"traces need OpenTelemetry, which is not installed: {remedy}") from None
