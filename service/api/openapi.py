"""The OpenAPI document: what the routes say, and the schemas that they refer to by name."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from service.api.catalog_schemas import CatalogLayer, CatalogScheme
from service.api.digests import Digest
from service.api.evaluation_schemas import evaluation_schemas
from service.api.loss_schemas import CatalogLoss, LossAnswer, LossRequest, complete_losses
from service.api.schemas import Devices, Health, JsonFile, Plan, Problem, Readiness
from service.core.spec import Spec

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
)
TAGS = [
    {"name": "weights", "description": "Files of initialised tensors."},
    {"name": "losses", "description": "Losses and gradients of tensors that are sent."},
    {"name": "evaluations", "description": "What an initialisation does to a network."},
    {"name": "catalog", "description": "What a spec can hold, and where it can be computed."},
    {"name": "operations", "description": "For whoever runs the service."},
]


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` and `/openapi.json` answer with the complete document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build_document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def build_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `app`."""
    from service.core.network.request import EvaluationRequest  # many models, which the start does without

    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=TAGS,
    )
    complete_losses(document)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in MODELS:
        schemas |= model_schemas(model)
    schemas |= model_schemas(EvaluationRequest) | evaluation_schemas()
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def model_schemas(model: type[BaseModel]) -> dict[str, Any]:
    """The schemas of a model and of everything that it refers to, by component name."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), model.__name__: schema}
