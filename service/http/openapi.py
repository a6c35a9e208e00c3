"""Parts of the OpenAPI document that several routes share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from .negotiation import JSON

Parameter = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]

BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
TEXT: dict[str, Any] = {"schema": {"type": "string"}}


def reference(model: type[BaseModel]) -> dict[str, str]:
    """The reference to the component schema of `model`."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def model_schemas(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas of the models and of all that they refer to, by component name."""
    found: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= {**schema.pop("$defs", {}), model.__name__: schema}
    return found


def json_answer(model: type[BaseModel], description: str) -> Responses:
    """The 200 of a route that answers a JSON object."""
    return {200: {"description": description, "content": {JSON: {"schema": reference(model)}}}}


def json_list_answer(model: type[BaseModel], description: str) -> Responses:
    """The 200 of a route that answers a JSON list."""
    schema = {"type": "array", "items": reference(model)}
    return {200: {"description": description, "content": {JSON: {"schema": schema}}}}


def request_body(content: dict[str, Any]) -> dict[str, Any]:
    """The required body of a route that reads it by itself. `content` is by media type."""
    return {"requestBody": {"required": True, "content": content}}


def parameter(
    location: str, name: str, description: str, example: str, *, required: bool = False, **schema: Any
) -> Parameter:
    """A parameter in the `location` query or path, which is text; `schema` adds to its JSON Schema."""
    return {
        "name": name,
        "in": location,
        "required": required,
        "description": description,
        "schema": {"type": "string", **schema},
        "example": example,
    }


def header_field(description: str, example: str) -> dict[str, Any]:
    """A header field of an answer."""
    return {"description": description, **TEXT, "example": example}


def header_fields(known: dict[str, tuple[str, str]], *names: str) -> dict[str, Any]:
    """Header fields by name, of those that are `known` by description and example."""
    return {name: header_field(*known[name]) for name in names}
