"""From exceptions to problem documents (RFC 9457): the one table of statuses, type URIs and titles.

It drives the handlers, which answer every error of every path, and the responses that each route documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from service.api import errors as exchange
from service.core import errors as core
from service.core.errors import Fault

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 100  # listed in one answer
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of problem. `name` completes the type URI, which never changes once published."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """The type URI: a stable name, not an address."""
        return f"urn:tensorseed:problem:{self.name}"


PROBLEMS: dict[type[Exception], ProblemKind] = {
    core.SpecError: ProblemKind("invalid-spec", 422, "The spec is not valid"),
    core.LossError: ProblemKind("invalid-loss", 422, "The loss cannot be evaluated"),
    core.EvaluationError: ProblemKind("invalid-evaluation", 422, "The evaluation is not valid"),
    core.SliceError: ProblemKind("invalid-slice", 422, "The slice does not fit the tensor"),
    core.TooLargeError: ProblemKind("too-large", 413, "Larger than this service allows"),
    core.UnknownNameError: ProblemKind("unknown-name", 404, "Nothing has this name"),
    core.UnrepresentableError: ProblemKind("not-representable", 406, "Not available in the form asked for"),
    core.DeviceError: ProblemKind("missing-device", 409, "This host lacks the device"),
    core.CapacityError: ProblemKind("out-of-memory", 503, "Not enough memory at the moment"),
    core.VersionError: ProblemKind("missing-version", 409, "This host lacks the version of torch"),
    exchange.QueryError: ProblemKind("invalid-query", 422, "The query is not valid"),
    exchange.UnknownPathError: ProblemKind("unknown-path", 404, "No such path"),
    exchange.MethodError: ProblemKind("unknown-method", 405, "The path does not have this method"),
    exchange.PreconditionError: ProblemKind("failed-precondition", 412, "A condition does not hold"),
    exchange.RangeError: ProblemKind("unsatisfiable-range", 416, "No byte range can be served"),
    exchange.MediaTypeError: ProblemKind("unread-media-type", 415, "The body's form is not read here"),
    exchange.MalformedRequestError: ProblemKind("malformed-request", 400, "The request cannot be understood"),
    exchange.CredentialError: ProblemKind("unauthorized", 401, "A key is needed"),
    exchange.ScopeError: ProblemKind("forbidden", 403, "The key does not cover this"),
    exchange.UrlSizeError: ProblemKind("long-url", 414, "The URL is longer than this service allows"),
    exchange.HeadSizeError: ProblemKind("large-head", 431, "The header fields are larger than allowed"),
    exchange.SlowHeadError: ProblemKind("slow-head", 408, "The header fields did not come in time"),
    exchange.BusyError: ProblemKind("busy", 429, "As much is under way as may be"),
    exchange.NotReadyError: ProblemKind("not-ready", 503, "Not ready"),
    Exception: ProblemKind("internal-error", 500, "The service failed"),
}

_INTERNAL = "An unexpected fault stopped this request and has been logged: try again, or report it."
_FIELDS = {"not-representable": {"Vary": "Accept"}, "out-of-memory": {"Retry-After": "5"}}


def problem_response(error: Exception) -> Response:
    """The answer to `error`: its row of the table, found along the class's ancestors."""
    kind = next(cls for cls in type(error).__mro__ if cls in PROBLEMS)
    problem = PROBLEMS[kind]
    detail = _INTERNAL if kind is Exception else str(error)
    document: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": _encodable(detail),
    }
    faults = _faults(error)
    if faults:
        document["errors"] = faults
    headers = {"Cache-Control": "no-store", **_FIELDS.get(problem.name, {})}
    if isinstance(error, exchange.ExchangeError):
        headers |= error.headers
    return Response(orjson.dumps(document), problem.status, headers, MEDIA_TYPE)


def documented(*kinds: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can answer with these errors. `default` stands for the unexpected."""
    by_status: dict[int | str, list[ProblemKind]] = {}
    for kind in kinds:
        by_status.setdefault(PROBLEMS[kind].status, []).append(PROBLEMS[kind])
    by_status["default"] = [PROBLEMS[Exception]]
    return {status: _documented(problems) for status, problems in by_status.items()}


def _documented(problems: list[ProblemKind]) -> dict[str, Any]:
    examples = {
        problem.name: {
            "summary": problem.title,
            "value": {
                "type": problem.type,
                "title": problem.title,
                "status": problem.status,
                "detail": _INTERNAL if problem.status == 500 else problem.title + ".",
            },
        }
        for problem in problems
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": "; or: ".join(f"{problem.title} (`{problem.type}`)" for problem in problems),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


def _faults(error: Exception) -> list[dict[str, str]]:
    """The `errors` member: pointers into a body, or names of query parameters."""
    if isinstance(error, core.SpecError):
        return [_encoded(_body_fault(fault)) for fault in error.faults[:MAX_FAULTS]]
    if isinstance(error, core.SliceError):
        return [_encoded({"parameter": "slice", "detail": str(error)})]
    if isinstance(error, exchange.QueryError):
        return [_encoded(_query_fault(fault)) for fault in error.faults[:MAX_FAULTS]]
    return []


def _body_fault(fault: Fault) -> dict[str, str]:
    return {"pointer": fault.pointer, "detail": fault.detail}


def _query_fault(fault: Fault) -> dict[str, str]:
    return {"parameter": fault.pointer, "detail": fault.detail}


def _encoded(fault: dict[str, str]) -> dict[str, str]:
    return {key: _encodable(value) for key, value in fault.items()}


def _encodable(text: str) -> str:
    """The text without lone surrogates, which a spec can hold and UTF-8 cannot."""
    return text.encode("utf-8", "backslashreplace").decode()


def allowed_methods(app: FastAPI, scope: Mapping[str, Any]) -> list[str]:
    """The methods that the path of `scope` has, over all routes."""
    probes = [(method, {**scope, "method": method}) for method in _METHODS]
    full = {
        method
        for method, probe in probes
        for route in app.router.routes
        if route.matches(probe)[0].name == "FULL"
    }
    return [method for method in _METHODS if method in full]


async def _answer(_: Request, error: Exception) -> Response:
    return problem_response(error)


async def _answer_http(request: Request, error: Exception) -> Response:
    """What the router itself raises: an unknown path or method, or a body that cannot be read."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allow = ", ".join(allowed_methods(request.app, request.scope))
        return problem_response(exchange.MethodError(f"this path has the methods {allow}", {"Allow": allow}))
    if error.status_code == 404:
        return problem_response(exchange.UnknownPathError("no such path: /docs lists those there are"))
    detail = "the request cannot be understood: check it against /docs"
    return problem_response(exchange.MalformedRequestError(detail))


async def _answer_validation(_: Request, error: Exception) -> Response:
    """Parameters that the framework checked: each fault names its parameter."""
    assert isinstance(error, RequestValidationError)
    faults = [
        Fault(str(fault["loc"][-1]), "this value is not valid: see /docs for what is")
        for fault in error.errors()
    ]
    return problem_response(exchange.QueryError(faults))


async def _answer_nobody(_: Request, __: Exception) -> Response:
    """The client left while sending its body; this answer goes nowhere."""
    return problem_response(exchange.MalformedRequestError("the body was not sent in full"))


def install_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""
    handlers: dict[type[Exception], Callable[[Request, Exception], Any]] = dict.fromkeys(PROBLEMS, _answer)
    handlers |= {
        HTTPException: _answer_http,
        RequestValidationError: _answer_validation,
        ClientDisconnect: _answer_nobody,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
