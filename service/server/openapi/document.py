"""Document of the routes, their keys, and the components that they share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from tensorseed.errors import CapacityError

from ...http.errors import BusyError, CredentialError, NotReadyError, ScopeError
from ...http.openapi import header_field, model_schemas
from ...http.problems import MEDIA_TYPE as PROBLEM
from ...http.schemas import Problem
from ..health import OPERATIONS
from ..keys import CHALLENGE
from ..route_groups import ROUTE_GROUPS, SCOPES, group_of, needs_key, scope_of
from .inheritance import share_inherited
from .schemas import ComponentSchemas, as_markdown, refer_to_catalogs
from .sharing import inline_single, joined, leave_out, operations, share_components

SCHEME = "key"
SECURITY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, as `Authorization: Bearer <key>`. The operator of the service decides "
    f"whether one is needed. A key covers everything, or the paths of its scopes: {', '.join(SCOPES)}.",
}
_REFUSALS = (BusyError, NotReadyError, CapacityError)
SECURITY: list[dict[str, list[str]]] = [{SCHEME: []}, {}]  # a key, or none in a service without keys
_CHALLENGE = {
    "WWW-Authenticate": header_field("Of 401: how to send a key.", CHALLENGE["WWW-Authenticate"]),
    "Vary": header_field("The answer depends on the key.", CHALLENGE["Vary"], name="VaryByKey"),
}
SERVERS = [{"url": "/", "description": "The service that answers this document."}]
_RETRY = header_field("Of 429 and 503: seconds to wait before asking again.", "1")
_REFUSED = {**_CHALLENGE, "Retry-After": _RETRY}


def build_document(app: FastAPI, *, beside: bool = False) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `app`; `x-beside` in it has what an example needs, if that is wanted."""
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
    heirs: list[type[BaseModel]] = []
    catalogs: dict[str, str] = {}
    for group in ROUTE_GROUPS:
        group.complete({path: item for path, item in document["paths"].items() if group.owns(path)})
        schemas |= group.component_schemas()
        types |= group.types()
        names |= group.names
        heirs += group.heirs()
        catalogs |= group.catalogs
    components = ComponentSchemas(types, names)
    found = components.components(schemas)
    refer_to_catalogs(found, catalogs)
    document["components"]["schemas"] = share_inherited(found, heirs, names)
    _refer_to_components(document, components)
    inline_single(document, components.members, components.named)
    if not beside:
        leave_out(document, "x-beside")
    return share_components(document)


def _refer_to_components(document: dict[str, Any], components: ComponentSchemas) -> None:
    """Let the operations refer to the component schemas."""
    for _, operation in operations(document):
        operation["description"] = as_markdown(operation["description"])
        parts = [*operation.get("parameters", [])]
        for answer in (operation.get("requestBody", {}), *operation["responses"].values()):
            parts += [*answer.get("content", {}).values(), *answer.get("headers", {}).values()]
        for part in parts:
            if "in" in part:
                part["schema"].pop("description", None)  # which the parameter has
            examples = {key: found for key, found in part["schema"].items() if key == "examples"}
            part["schema"] = {**components.referring(part["schema"]), **examples}


def document_keys(document: dict[str, Any]) -> None:
    """Add keys, and the problems that every operation has: those are its `default` answer.

    401 without a key, 403 outside of a key's scopes, 429 over a key's rate, 503 while the service stops or
    has no memory.
    """
    document.setdefault("components", {})["securitySchemes"] = {SCHEME: SECURITY_SCHEME}
    document["security"] = SECURITY
    for path, operation in operations(document):
        responses, group = operation["responses"], group_of(path)
        if group is None or not needs_key(path):
            operation["security"] = []
        else:
            scoped = [ScopeError] if scope_of(path) else []
            found = group.problems.documented(CredentialError, *scoped, *_REFUSALS)
            refusals = {str(status): refusal for status, refusal in found.items()}
            kinds = {
                name: text for status in refusals for name, text in _with_status(status, refusals[status])
            }
            other = {
                **responses["default"],
                "x-kinds": kinds,
                "x-name": "Refused" if scoped else "RefusedUnscoped",
            }
            other["headers"] = {**other.get("headers", {}), **_REFUSED}
            documented = {status: part for status, part in responses.items() if status not in refusals}
            operation["responses"] = responses = {**dict(sorted(documented.items())), "default": other}
        for status, response in responses.items():
            if "x-kinds" in response:
                kinds = response.pop("x-kinds")
                if status == "503":
                    response["headers"] = {**response.get("headers", {}), "Retry-After": _RETRY}
                response["description"] = "; or: ".join(kinds.values())
                form = "" if PROBLEM in response["content"] else "Hub"
                name = response.get("x-name") or joined(kinds)
                response["x-name"] = f"{form}{name}"


def _with_status(status: str, response: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The kinds of problems of a status, and their descriptions, which begin with it."""
    number = "500" if status == "default" else status
    for name, text in response["x-kinds"].items():
        yield name, f"{number}, {text[:1].lower()}{text[1:]}"


def _tags() -> list[dict[str, str]]:
    """The tags of all groups, those of the domains first."""
    groups = sorted(ROUTE_GROUPS, key=lambda group: group is OPERATIONS)
    texts = {group.tag: group.description for group in groups}
    return [{"name": tag, "description": text} for tag, text in texts.items()]
