"""The OpenAPI document: what the routes say, and the schemas that they refer to by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from tensorseed.spec.spec import Spec

from ..evaluations.schemas import evaluation_schemas
from ..http.catalog_schemas import CatalogLayer, CatalogScheme
from ..http.errors import BusyError, CredentialError, NotReadyError, ScopeError
from ..http.problems import documented
from ..http.schemas import Devices, Health, JsonFile, Plan, Problem, Readiness
from ..hub import recipe_schemas
from ..hub import schemas as hub
from ..hub.documents import TAG, complete_hub, hub_documented
from ..hub.errors import is_hub_path
from ..losses.schemas import CatalogLoss, LossAnswer, LossRequest, complete_losses
from ..weights.digests import Digest
from .keys import CHALLENGE
from .scopes import SCOPES, needs_key, scope_of

MODELS: tuple[type[BaseModel], ...] = (
    Spec,
    Plan,
    Digest,
    JsonFile,
    Problem,
    CatalogScheme,
    CatalogLayer,
    CatalogLoss,
    LossRequest,
    LossAnswer,
    Devices,
    Health,
    Readiness,
    hub.Model,
    hub.ModelInfo,
    hub.TreeEntry,
    hub.PathsRequest,
    hub.Refs,
    hub.Commit,
    hub.Headers,
    hub.Access,
    hub.Whoami,
    hub.HubError,
    recipe_schemas.RecipeSummary,
    recipe_schemas.RecipeDetail,
    recipe_schemas.RecipePlan,
)
TAGS = [
    {"name": "weights", "description": "Files of initialised tensors."},
    {"name": "losses", "description": "Losses and gradients of tensors that are sent."},
    {"name": "evaluations", "description": "What an initialisation does to a network."},
    {"name": "catalog", "description": "What a spec can hold, and where it can be computed."},
    TAG,
    {"name": "operations", "description": "For whoever runs the service."},
]

SCHEME = "key"
SECURITY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, as `Authorization: Bearer <key>`. Whoever runs the service decides whether "
    f"one is needed. A key covers everything, or what its scopes name: {', '.join(SCOPES)}.",
}
SECURITY: list[dict[str, list[str]]] = [{SCHEME: []}, {}]  # a key, or nothing in a service open to all
_CHALLENGE = {
    name: {"description": told, "schema": {"type": "string"}, "example": CHALLENGE[name]}
    for name, told in (("WWW-Authenticate", "How to send a key."), ("Vary", "The answer depends on the key."))
}
_RETRY = {
    "Retry-After": {
        "description": "Seconds to wait before asking again.",
        "schema": {"type": "string"},
        "example": "1",
    }
}


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` and `/openapi.json` answer with the complete document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build_document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def build_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `app`."""
    from tensorseed.evaluations.request import EvaluationRequest  # many models, which the start does without

    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=TAGS,
    )
    complete_losses(document)
    guard(document)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in MODELS:
        schemas |= model_schemas(model)
    schemas |= model_schemas(EvaluationRequest) | evaluation_schemas()
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def guard(document: dict[str, Any]) -> None:
    """Say of every operation that may need a key that it does, and what it answers to who may not ask.

    401 without a key, 403 where a key's scopes can leave the path out, 429 where a key's budget is spent,
    503 while the service stops.
    """
    document.setdefault("components", {})["securitySchemes"] = {SCHEME: SECURITY_SCHEME}
    for path, operation in _operations(document):
        if not needs_key(path):
            continue
        scoped = (ScopeError,) if scope_of(path) else ()
        described = hub_documented if is_hub_path(path) else documented
        for status, response in described(CredentialError, *scoped, BusyError, NotReadyError).items():
            _add(operation["responses"], str(status), response)
        operation["responses"]["401"].setdefault("headers", {}).update(_CHALLENGE)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        operation["security"] = SECURITY
    for _, operation in _operations(document):
        for status in {"429", "503"} & set(operation["responses"]):
            operation["responses"][status].setdefault("headers", {}).update(_RETRY)
    complete_hub(document)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for operation in item.values():
            yield path, operation


def _add(responses: dict[str, Any], status: str, response: dict[str, Any]) -> None:
    """Document one more answer of a status, beside those that it has already."""
    known = responses.setdefault(status, response)
    if status == "default" or known is response:
        return
    (media_type,) = response["content"]
    examples = known["content"][media_type]["examples"]
    if not response["content"][media_type]["examples"].keys() <= examples.keys():
        known["description"] += f"; or: {response['description']}"
        examples |= response["content"][media_type]["examples"]


def model_schemas(model: type[BaseModel]) -> dict[str, Any]:
    """The schemas of a model and of everything that it refers to, by component name."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), model.__name__: schema}
