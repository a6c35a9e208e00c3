"""Problem details (RFC 9457): kinds by exception, and their answers.

A table of kinds drives both the answers to errors and the responses that routes document. Every domain
extends `COMMON` by its own exceptions. Another `ErrorFormat` serves clients of another protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from starlette.responses import Response

from tensorseed import errors as core
from tensorseed.errors import Fault, SpecError

from . import errors as exchange
from .openapi import Responses, reference
from .schemas import Problem

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 100  # listed in one answer

_INTERNAL = "An unexpected fault stopped this request and has been logged: try again, or report it."


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of problem. `name` completes the type URI, which never changes once published.

    `parameter` is the query parameter at fault, where the exception names none. Answers have the `headers`.
    """

    name: str
    status: int
    title: str
    parameter: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def type(self) -> str:
        """The type URI: a stable name, not an address."""
        return f"urn:tensorseed:problem:{self.name}"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A problem that occurred in one request."""

    kind: ProblemKind
    detail: str
    faults: Sequence[Mapping[str, str]]
    headers: Mapping[str, str]


class ErrorFormat(Protocol):
    """The form of the errors that clients of some paths read."""

    def response(self, occurrence: Occurrence, scope: Mapping[str, Any]) -> Response:
        """The answer to a problem of the request that `scope` describes."""

    def documented(self, kinds: Sequence[ProblemKind]) -> dict[str, Any]:
        """The OpenAPI response for problems of one status.

        Its `x-kinds` are the descriptions of the problems by name, in the place of its description.
        """


class ProblemDetails:
    """Errors as problem documents."""

    def response(self, occurrence: Occurrence, scope: Mapping[str, Any]) -> Response:  # noqa: ARG002
        """See `ErrorFormat`."""
        kind = occurrence.kind
        document = _document(kind, occurrence.detail)
        if occurrence.faults:
            document["errors"] = occurrence.faults
        return Response(orjson.dumps(document), kind.status, occurrence.headers, MEDIA_TYPE)

    def documented(self, kinds: Sequence[ProblemKind]) -> dict[str, Any]:
        """See `ErrorFormat`."""
        return {
            "x-kinds": {kind.name: f"{kind.title} (`{kind.type}`)" for kind in kinds},
            "content": {MEDIA_TYPE: {"schema": reference(Problem)}},
        }


@dataclass(frozen=True)
class ProblemTable:
    """The kinds of problems of some routes, and the form of their answers."""

    kinds: Mapping[type[Exception], ProblemKind]
    error_format: ErrorFormat

    def extended(
        self, kinds: Mapping[type[Exception], ProblemKind], error_format: ErrorFormat | None = None
    ) -> ProblemTable:
        """This table with further kinds, and maybe in another form."""
        return ProblemTable({**self.kinds, **kinds}, error_format or self.error_format)

    def occurrence(self, error: Exception) -> Occurrence:
        """The problem of an error, whose kind is found along the ancestors of its class."""
        kind = self.kinds[next(cls for cls in type(error).__mro__ if cls in self.kinds)]
        detail = _INTERNAL if kind is self.kinds[Exception] else _encodable(_detail(error))
        headers = {"Cache-Control": "no-store", **dict(kind.headers)}
        if isinstance(error, exchange.ExchangeError):
            headers |= error.headers
        return Occurrence(kind, detail, _faults(error, kind), headers)

    def response(self, error: Exception, scope: Mapping[str, Any]) -> Response:
        """The answer to an error of the request that `scope` describes."""
        return self.error_format.response(self.occurrence(error), scope)

    def documented(self, *errors: type[Exception]) -> Responses:
        """The `responses` of a route that can answer with these errors. `default` is the unexpected one."""
        by_status: dict[int | str, list[ProblemKind]] = {}
        for error in dict.fromkeys(errors):
            by_status.setdefault(self.kinds[error].status, []).append(self.kinds[error])
        by_status["default"] = [self.kinds[Exception]]
        return {status: self.error_format.documented(kinds) for status, kinds in by_status.items()}


COMMON = ProblemTable(
    {
        core.SpecError: ProblemKind("invalid-spec", 422, "The spec is not valid"),
        core.TooLargeError: ProblemKind("too-large", 413, "Larger than this service allows"),
        core.UnknownNameError: ProblemKind("unknown-name", 404, "Nothing has this name"),
        core.UnrepresentableError: ProblemKind(
            "not-representable", 406, "Not available in the form asked for", headers=(("Vary", "Accept"),)
        ),
        core.DeviceError: ProblemKind("missing-device", 409, "This host lacks the device"),
        core.CapacityError: ProblemKind(
            "out-of-memory", 503, "Not enough memory at the moment", headers=(("Retry-After", "5"),)
        ),
        core.VersionError: ProblemKind("missing-version", 409, "This host has another torch"),
        exchange.QueryError: ProblemKind("invalid-query", 422, "The query is not valid"),
        exchange.UnknownPathError: ProblemKind("unknown-path", 404, "No such path"),
        exchange.MethodError: ProblemKind("unknown-method", 405, "The path does not have this method"),
        exchange.PreconditionError: ProblemKind("failed-precondition", 412, "A condition does not hold"),
        exchange.RangeError: ProblemKind("unsatisfiable-range", 416, "No byte range can be served"),
        exchange.MediaTypeError: ProblemKind("unread-media-type", 415, "The body's form is not read here"),
        exchange.MalformedRequestError: ProblemKind(
            "malformed-request", 400, "The request cannot be understood"
        ),
        exchange.UnimplementedError: ProblemKind("not-implemented", 501, "Not implemented by this service"),
        exchange.CredentialError: ProblemKind("unauthorized", 401, "A key is needed"),
        exchange.ScopeError: ProblemKind("forbidden", 403, "The key does not cover this"),
        exchange.UrlSizeError: ProblemKind("long-url", 414, "The URL is longer than this service allows"),
        exchange.HeadSizeError: ProblemKind("large-head", 431, "The header fields are larger than allowed"),
        exchange.SlowHeadError: ProblemKind("slow-head", 408, "The header fields did not come in time"),
        exchange.BusyError: ProblemKind("busy", 429, "As much is under way as may be"),
        exchange.NotReadyError: ProblemKind("not-ready", 503, "Not ready"),
        Exception: ProblemKind("internal-error", 500, "The service failed"),
    },
    ProblemDetails(),
)


def _document(kind: ProblemKind, detail: str) -> dict[str, Any]:
    return {"type": kind.type, "title": kind.title, "status": kind.status, "detail": detail}


def _detail(error: Exception) -> str:
    """The detail of a problem, whose member `errors` has the faults of a spec."""
    return error.summary if isinstance(error, SpecError) else str(error)


def _faults(error: Exception, kind: ProblemKind) -> list[dict[str, str]]:
    """The `errors` member: pointers into a body, or names of query parameters."""
    if kind.parameter is not None:
        return [{"parameter": kind.parameter, "detail": _encodable(str(error))}]
    member = "parameter" if isinstance(error, exchange.QueryError) else "pointer"
    faults: Sequence[Fault] = getattr(error, "faults", ())
    return [
        {member: _encodable(fault.pointer), "detail": _encodable(fault.detail)}
        for fault in faults[:MAX_FAULTS]
    ]


def _encodable(text: str) -> str:
    """The text without lone surrogates, which a spec can hold and UTF-8 cannot."""
    return text.encode("utf-8", "backslashreplace").decode()
