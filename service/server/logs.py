"""Log lines as JSON or text, with the ids of their request and span.

No line holds a key, a token, a query or a body: a request is named by its route's template. The message of an
unexpected exception may quote a client. Within a request, only its type and the lines of code are written.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

from ..http.request_context import CURRENT

ACCESS = "service.access"

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_access = logging.getLogger(ACCESS)


class JsonLines(OrjsonFormatter):
    """One JSON object a line: time, level, logger, message, ids, and the fields of the event."""

    def __init__(self) -> None:
        super().__init__(reserved_attrs=[*RESERVED_ATTRS, "color_message"])

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Put the common fields first."""
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        super().add_fields(log_data, record, message_dict)
        log_data.update(log_data.pop("fields", {}))
        log_data.update(_ids())

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802, the base's name
        """The exception, without its message within a request."""
        return discreet(ei)


class TextLines(logging.Formatter):
    """One line of text, for people at a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the fields of the event and its ids."""
        fields = {**getattr(record, "fields", {}), **_ids()}
        return " ".join((super().format(record), *(f"{name}={value}" for name, value in fields.items())))

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802, the base's name
        """The exception, without its message within a request."""
        return discreet(ei)


def discreet(ei: _ExcInfo) -> str:
    """A traceback; within a request without messages, which may quote the client."""
    kind, error, trace = ei
    if kind is None:
        return ""
    if not CURRENT.get():
        return "".join(traceback.format_exception(kind, error, trace)).rstrip()
    return "".join(traceback.format_tb(trace)) + kind.__qualname__


def _ids() -> dict[str, str]:
    """`request_id` within a request; `trace_id` and `span_id` within a span, as in `traceparent`."""
    found = {"request_id": CURRENT.get()} if CURRENT.get() else {}
    span = get_current_span().get_span_context()
    if span.is_valid:
        found |= {"trace_id": format_trace_id(span.trace_id), "span_id": format_span_id(span.span_id)}
    return found


def is_json(log_format: str) -> bool:
    """Whether a `log_format` means JSON: `auto` does, except on a terminal."""
    return log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())


def log_config(log_format: str, level: str) -> dict[str, Any]:
    """The configuration of `logging.config.dictConfig`: all loggers to standard error, in one form."""
    lines = JsonLines if is_json(log_format) else TextLines
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": lines}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "uvicorn": {"level": level.upper()},
            "uvicorn.access": {"level": "CRITICAL", "propagate": False},  # it would write paths
            "tensorseed": {"level": level.upper()},
            __name__.partition(".")[0]: {"level": level.upper()},  # service, or tensorseed_service of a wheel
            ACCESS: {"level": "INFO"},
        },
    }


def request_fields(
    route: str, method: str, status: int, seconds: float, nbytes: int, key: str | None
) -> dict[str, object]:
    """The fields of a line about one request; status 0 for one without an answer."""
    fields: dict[str, object] = {
        "method": method,
        "route": route,
        "status": status,
        "bytes": nbytes,
        "seconds": round(seconds, 6),
    }
    if key is not None:
        fields["key"] = key
    return fields


def write_access(fields: dict[str, object], *, complete: bool) -> None:
    """Write the access line of one request."""
    _access.info("request", extra={"fields": fields if complete else {**fields, "complete": False}})
