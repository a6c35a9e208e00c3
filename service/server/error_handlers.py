"""Answers to errors, in the format of the requested path's group."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount

from tensorseed.errors import Fault
from tensorseed.suggestions import MAX_COMPARED_CHARS

from ..http.errors import BusyError, MalformedRequestError, MethodError, QueryError, UnknownPathError
from ..http.paths import root_path, route_path
from ..http.problems import COMMON, ProblemTable
from ..http.request_context import BODY_FAULT, LIMIT, PROBLEM
from .route_groups import ROUTE_GROUPS, group_of

MAX_PARTS = 4  # of a path that is suggested
ALIKE = 0.8  # of an unknown path and one that is suggested

PROBLEMS: ProblemTable = COMMON
for _group in ROUTE_GROUPS:
    PROBLEMS = PROBLEMS.extended(_group.problems.kinds)

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_MOUNT_METHODS = ("GET", "HEAD")  # a mounted folder of files matches any method


def answer_to(error: Exception, scope: MutableMapping[str, Any]) -> Response:
    """The answer to `error`, in the format that the clients of the request's path read.

    It leaves the kind of the problem, and the limit that was exceeded, in `scope` for the metrics.
    """
    occurrence = PROBLEMS.occurrence(error)
    scope[PROBLEM] = occurrence.kind.name
    if isinstance(error, BusyError):
        scope[LIMIT] = error.limit
    group = group_of(route_path(scope))
    error_format = PROBLEMS.error_format if group is None else group.problems.error_format
    return error_format.response(occurrence, scope)


def allowed_methods(app: FastAPI, scope: Mapping[str, Any]) -> list[str]:
    """The methods that the path of `scope` has, over all routes."""
    root = root_path(scope)  # before a mount appended its own
    probes = [(method, {**scope, "root_path": root, "method": method}) for method in _METHODS]
    allowed = {
        method
        for method, probe in probes
        for route in app.router.routes
        if route.matches(probe)[0].name == "FULL"
        and (method in _MOUNT_METHODS or not isinstance(route, Mount))
    }
    return [method for method in _METHODS if method in allowed]


def install_handlers(app: FastAPI) -> None:
    """Answer every error of `app` by `answer_to`."""
    handlers: dict[type[Exception], Callable[[Request, Exception], Any]] = dict.fromkeys(
        PROBLEMS.kinds, _answer
    )
    handlers |= {
        HTTPException: _answer_http,
        RequestValidationError: _answer_validation,
        ClientDisconnect: _answer_body,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _answer(request: Request, error: Exception) -> Response:
    return answer_to(error, request.scope)


async def _answer_http(request: Request, error: Exception) -> Response:
    """The router's own errors: an unknown path or method, or a body that cannot be read."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allow = ", ".join(allowed_methods(request.app, request.scope))
        upper = request.method.upper()
        wrong = upper in allow.split(", ") and upper != request.method
        detail = f"methods are upper-case: write {upper}" if wrong else f"this path has the methods {allow}"
        return answer_to(MethodError(detail, {"Allow": allow}), request.scope)
    if error.status_code == 404:
        root = root_path(request.scope)
        twice = bool(root) and route_path(request.scope).startswith(f"{root}/")
        remedy = f"the proxy has to remove {root} from it" if twice else _near_path(route_path(request.scope))
        return answer_to(UnknownPathError(f"no such path: {remedy}"), request.scope)
    detail = "the request cannot be understood: check it against /docs"
    return answer_to(MalformedRequestError(detail), request.scope)


def _near_path(path: str) -> str:
    """The end of the sentence for an unknown path: the path of a route that it may mean."""
    known = [prefix for group in ROUTE_GROUPS for prefix in group.prefixes if prefix.count("/") < MAX_PARTS]
    spelled = path.casefold() if path.casefold().startswith("/v1/") else f"/v1{path.casefold()}"
    short = len(path) <= MAX_COMPARED_CHARS
    near = difflib.get_close_matches(spelled, known, 1, ALIKE) if short else []
    guess = f"did you mean {near[0]}? " if near and near[0] != path else ""
    return f"{guess}/docs lists those there are"


async def _answer_validation(request: Request, error: Exception) -> Response:
    """Parameters that the framework checked: each fault names its parameter."""
    assert isinstance(error, RequestValidationError)
    faults = [
        Fault(str(fault["loc"][-1]), "this value is not valid: see /docs for what is")
        for fault in error.errors()
    ]
    return answer_to(QueryError(faults), request.scope)


async def _answer_body(request: Request, _: Exception) -> Response:
    """A body that ended before its end. If the client has left, the answer goes nowhere."""
    fault = request.scope.get(BODY_FAULT) or MalformedRequestError("the body was not sent in full")
    return answer_to(fault, request.scope)
