"""Document of the routes, their keys, and the components that they share."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ...http.errors import BusyError, CredentialError, NotReadyError, ScopeError
from ...http.openapi import header_field, model_schemas
from ...http.problems import MEDIA_TYPE as PROBLEM
from ...http.schemas import Problem
from ..health import OPERATIONS
from ..keys import CHALLENGE
from ..route_groups import ROUTE_GROUPS, SCOPES, group_of, needs_key, scope_of
from .schemas import ComponentSchemas, as_markdown
from .sharing import camel, operations, share_components

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
    "Vary": header_field("The answer depends on the key.", CHALLENGE["Vary"], name="VaryByKey"),
}
SERVERS = [{"url": "/", "description": "The service that answers this document."}]
_RETRY = {"Retry-After": header_field("Seconds to wait before asking again.", "1")}


def build_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `app`."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=_tags(),
        servers=SERVERS,
    )
    document_keys(document)
    schemas = model_schemas(Problem)
    types: dict[str, Any] = {}
    names: dict[str, str] = {}
    for group in ROUTE_GROUPS:
        group.complete({path: item for path, item in document["paths"].items() if group.owns(path)})
        schemas |= group.component_schemas()
        types |= group.types()
        names |= group.names
    _refer_to_components(document, schemas, ComponentSchemas(types, names))
    return share_components(document)


def _refer_to_components(
    document: dict[str, Any], schemas: dict[str, Any], components: ComponentSchemas
) -> None:
    """Give the document its component schemas, and let the operations refer to them."""
    document["components"]["schemas"] = components.components(schemas)
    for _, operation in operations(document):
        operation["description"] = as_markdown(operation["description"])
        parts = [*operation.get("parameters", [])]
        for answer in (operation.get("requestBody", {}), *operation["responses"].values()):
            parts += [*answer.get("content", {}).values(), *answer.get("headers", {}).values()]
        for part in parts:
            examples = {key: found for key, found in part["schema"].items() if key == "examples"}
            part["schema"] = {**components.referring(part["schema"]), **examples}


def document_keys(document: dict[str, Any]) -> None:
    """Add keys and their refusals to every operation that may need one.

    401 without a key, 403 outside of a key's scopes, 429 over a key's rate, 503 while the service stops.
    """
    document.setdefault("components", {})["securitySchemes"] = {SCHEME: SECURITY_SCHEME}
    for path, operation in operations(document):
        group = group_of(path)
        if group is None or not needs_key(path):
            operation["security"] = []
            continue
        scoped = (ScopeError,) if scope_of(path) else ()
        refusals = group.problems.documented(CredentialError, *scoped, BusyError, NotReadyError)
        for status, response in refusals.items():
            _add(operation["responses"], str(status), response)
        operation["responses"]["401"].setdefault("headers", {}).update(_CHALLENGE)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        operation["security"] = SECURITY
    for _, operation in operations(document):
        for status, response in operation["responses"].items():
            if status in {"429", "503"}:
                response.setdefault("headers", {}).update(_RETRY)
            if status == "default" or status >= "400":
                response["x-name"] = _name_of_errors(response)


def _name_of_errors(response: dict[str, Any]) -> str:
    """The kinds of problems of an answer, and its form."""
    ((media_type, content),) = response["content"].items()
    kinds = "Or".join(camel(kind) for kind in content["examples"])
    return kinds if media_type == PROBLEM else f"Hub{kinds}"


def _tags() -> list[dict[str, str]]:
    """The tags of all groups, those of the domains first."""
    groups = sorted(ROUTE_GROUPS, key=lambda group: group is OPERATIONS)
    texts = {group.tag: group.description for group in groups}
    return [{"name": tag, "description": text} for tag, text in texts.items()]


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
