"""OpenAPI document: the routes, and the schemas that they refer to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..http.errors import BusyError, CredentialError, NotReadyError, ScopeError
from ..http.openapi import header_field, model_schemas
from ..http.schemas import Problem
from .health import OPERATIONS
from .keys import CHALLENGE
from .route_groups import ROUTE_GROUPS, SCOPES, group_of, needs_key, scope_of

SCHEME = "key"
SECURITY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, as `Authorization: Bearer <key>`. The operator of the service decides "
    f"whether one is needed. A key covers everything, or the paths of its scopes: {', '.join(SCOPES)}.",
}
SECURITY: list[dict[str, list[str]]] = [{SCHEME: []}, {}]  # a key, or none in a service without keys
_CHALLENGE = {
    "WWW-Authenticate": header_field("How to send a key.", CHALLENGE["WWW-Authenticate"]),
    "Vary": header_field("The answer depends on the key.", CHALLENGE["Vary"]),
}
_RETRY = {"Retry-After": header_field("Seconds to wait before asking again.", "1")}


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` and `/openapi.json` answer with the complete document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build_document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
    for route in app.routes:
        if isinstance(route, Route) and route.path == app.openapi_url:
            route.app = _after(app.openapi, route.app)


def _after(build: Callable[[], object], app: ASGIApp) -> ASGIApp:
    """`app` once the document is built in a thread: the first takes a third of a second."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(build)
        await app(scope, receive, send)

    return answer


def build_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `app`."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=_tags(),
    )
    document_keys(document)
    schemas = model_schemas(Problem)
    for group in ROUTE_GROUPS:
        group.complete({path: item for path, item in document["paths"].items() if group.owns(path)})
        schemas |= group.component_schemas()
    components = document["components"]
    components["schemas"] = dict(sorted({**components.get("schemas", {}), **schemas}.items()))
    return document


def document_keys(document: dict[str, Any]) -> None:
    """Add keys and their refusals to every operation that may need one.

    401 without a key, 403 outside of a key's scopes, 429 over a key's rate, 503 while the service stops.
    """
    document.setdefault("components", {})["securitySchemes"] = {SCHEME: SECURITY_SCHEME}
    for path, operation in _operations(document):
        group = group_of(path)
        if group is None or not needs_key(path):
            continue
        scoped = (ScopeError,) if scope_of(path) else ()
        refusals = group.problems.documented(CredentialError, *scoped, BusyError, NotReadyError)
        for status, response in refusals.items():
            _add(operation["responses"], str(status), response)
        operation["responses"]["401"].setdefault("headers", {}).update(_CHALLENGE)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        operation["security"] = SECURITY
    for _, operation in _operations(document):
        for status in {"429", "503"} & set(operation["responses"]):
            operation["responses"][status].setdefault("headers", {}).update(_RETRY)


def _tags() -> list[dict[str, str]]:
    """The tags of all groups, those of the domains first."""
    groups = sorted(ROUTE_GROUPS, key=lambda group: group is OPERATIONS)
    texts = {group.tag: group.description for group in groups}
    return [{"name": tag, "description": text} for tag, text in texts.items()]


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for operation in item.values():
            yield path, operation


def _add(responses: dict[str, Any], status: str, response: dict[str, Any]) -> None:
    """Add an answer of a status to those that are documented already."""
    known = responses.setdefault(status, response)
    if status == "default" or known is response:
        return
    (media_type,) = response["content"]
    examples = known["content"][media_type]["examples"]
    if not response["content"][media_type]["examples"].keys() <= examples.keys():
        known["description"] += f"; or: {response['description']}"
        examples |= response["content"][media_type]["examples"]
