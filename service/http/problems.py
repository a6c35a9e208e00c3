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
from starlette.routing import Mount

from tensorseed import errors as core
from tensorseed.checkpoints import errors as hub
from tensorseed.errors import Fault

from ..hub.errors import hub_error, is_hub_path
from . import errors as exchange

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 100  # listed in one answer
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_OF_MOUNTS = ("GET", "HEAD")  # what is mounted is folders of files, which match any method


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
    hub.UnknownRepositoryError: ProblemKind("unknown-repository", 404, "No recipe has this id"),
    hub.UnknownRevisionError: ProblemKind("unknown-revision", 404, "The repository has no such revision"),
    hub.UnknownEntryError: ProblemKind("unknown-entry", 404, "The revision has no such file"),
    hub.RecipeError: ProblemKind("invalid-recipe", 422, "The recipe is not valid"),
    hub.ConfigError: ProblemKind("invalid-config", 422, "The config is not valid"),
    hub.MissingExtraError: ProblemKind("missing-extra", 501, "This needs an extra that is missing"),
    hub.DerivationTimeError: ProblemKind("slow-derivation", 413, "The model takes too long to build"),
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


def answer_to(error: Exception, scope: Mapping[str, Any]) -> Response:
    """The answer to `error`, in the form that the clients of a request's path read."""
    if not is_hub_path(scope["path"]):
        return problem_response(error)
    problem = _kind(error)
    return hub_error(problem.name, problem.status, _detail(error), _headers(error), scope)


def problem_response(error: Exception) -> Response:
    """The answer to `error` as a problem document."""
    problem = _kind(error)
    document: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": _detail(error),
    }
    faults = _faults(error)
    if faults:
        document["errors"] = faults
    return Response(orjson.dumps(document), problem.status, _headers(error), MEDIA_TYPE)


def _kind(error: Exception) -> ProblemKind:
    """The error's row of the table, found along the class's ancestors."""
    return PROBLEMS[next(cls for cls in type(error).__mro__ if cls in PROBLEMS)]


def _detail(error: Exception) -> str:
    return _INTERNAL if _kind(error) is PROBLEMS[Exception] else _encodable(str(error))


def _headers(error: Exception) -> dict[str, str]:
    headers = {"Cache-Control": "no-store", **_FIELDS.get(_kind(error).name, {})}
    return headers | error.headers if isinstance(error, exchange.ExchangeError) else headers


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
    if isinstance(error, core.SpecError | hub.RecipeError):
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
    root = scope.get("app_root_path", scope.get("root_path", ""))  # as it was before a mount took its part
    probes = [(method, {**scope, "root_path": root, "method": method}) for method in _METHODS]
    full = {
        method
        for method, probe in probes
        for route in app.router.routes
        if route.matches(probe)[0].name == "FULL" and (method in _OF_MOUNTS or not isinstance(route, Mount))
    }
    return [method for method in _METHODS if method in full]


async def _answer(request: Request, error: Exception) -> Response:
    return answer_to(error, request.scope)


async def _answer_http(request: Request, error: Exception) -> Response:
    """What the router itself raises: an unknown path or method, or a body that cannot be read."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allow = ", ".join(allowed_methods(request.app, request.scope))
        detail = f"this path has the methods {allow}"
        return answer_to(exchange.MethodError(detail, {"Allow": allow}), request.scope)
    if error.status_code == 404:
        detail = "no such path: /docs lists those there are"
        return answer_to(exchange.UnknownPathError(detail), request.scope)
    detail = "the request cannot be understood: check it against /docs"
    return answer_to(exchange.MalformedRequestError(detail), request.scope)


async def _answer_validation(request: Request, error: Exception) -> Response:
    """Parameters that the framework checked: each fault names its parameter."""
    assert isinstance(error, RequestValidationError)
    faults = [
        Fault(str(fault["loc"][-1]), "this value is not valid: see /docs for what is")
        for fault in error.errors()
    ]
    return answer_to(exchange.QueryError(faults), request.scope)


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
