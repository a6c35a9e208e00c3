"""Parts of the OpenAPI document that several routes share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from pydantic import BaseModel

from .negotiation import JSON

Parameter = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]
Schema = Mapping[str, Any]

BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
TEXT: dict[str, Any] = {"schema": {"type": "string"}}

MAX_MODELS = 32  # whose schemas are kept, since several members of each are components
MAX_LISTED = 8  # names of those that mean the same

_ANNOTATIONS = {"title", "description", "default", "examples"}


def reference(model: type[BaseModel]) -> dict[str, str]:
    """The reference to the component schema of `model`."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def model_schemas(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas of the models and of all that they refer to, by component name."""
    found: dict[str, Any] = {}
    for model in models:
        schema = json.loads(_schema_text(model))
        definitions = schema.pop("$defs", {})
        found |= {model.__name__: schema, **definitions}  # a recursive one is among its own definitions
    return found


@lru_cache(MAX_MODELS)
def _schema_text(model: type[BaseModel]) -> str:
    """The schema of a model, which takes pydantic ten milliseconds, with its definitions."""
    return json.dumps(model.model_json_schema(ref_template="#/components/schemas/{model}"))


def member_schema(model: type[BaseModel], name: str) -> dict[str, Any]:
    """The schema of a member that several models have, with its description."""
    found: dict[str, Any] = model_schemas(model)[model.__name__]["properties"][name]
    return found


def json_answer(model: type[BaseModel], description: str) -> Responses:
    """The 200 of a route that answers a JSON object."""
    content = {JSON: {"schema": reference(model)}}
    return {200: {"x-name": model.__name__, "description": description, "content": content}}


def json_list_answer(model: type[BaseModel], description: str) -> Responses:
    """The 200 of a route that answers a JSON list."""
    schema = {"type": "array", "items": reference(model)}
    content = {JSON: {"schema": schema}}
    return {200: {"x-name": f"{model.__name__}List", "description": description, "content": content}}


def request_body(content: dict[str, Any]) -> dict[str, Any]:
    """The required body of a route that reads it by itself. `content` is by media type."""
    return {"requestBody": {"required": True, "content": content}}


def body_example(summary: str, value: Any, *, beside: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A named example of a body: a request that succeeds, with the parameters `beside` it.

    Without them it is sent with the examples of the required parameters.
    """
    return {"summary": summary, "value": value, **_beside(beside)}


def parameter(
    location: str,
    name: str,
    description: str,
    example: Any,
    *,
    required: bool = False,
    beside: Mapping[str, Any] | None = None,
    component: str | None = None,
    **schema: Any,
) -> Parameter:
    """A parameter in the `location` query or path, of the JSON Schema `schema`; without a type it is text.

    `/docs` fills in the example of a required parameter, and leaves optional ones out, whose examples are in
    their schemas. A request with an example succeeds if it has the values `beside` it, and the examples of
    the required parameters. A test sends it. Where several operations have the parameter, its `component` has
    the parameter's name by default.
    """
    if not {"type", "anyOf"} & schema.keys():
        schema = {"type": "string", **schema}
    examples = {"example": example} if required else {}
    return {
        **({"x-name": component} if component else {}),
        "name": name,
        "in": location,
        **({"required": True} if required else {}),
        "description": description,
        "schema": schema if required or _shows_itself(schema) else {**schema, "examples": [example]},
        **examples,
        **_beside(beside),
    }


def meanings_of(meanings: Mapping[str, Sequence[str]]) -> str:
    """The description of a parameter that means one thing or another, each of something of these names."""
    texts = (f"{_listed(names)}: {text}" for text, names in meanings.items())
    return " ".join(texts)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= MAX_LISTED else "most"


def query_schema(schemas: Iterable[Schema]) -> dict[str, Any]:
    """The schema of a query parameter that means several things, each with a schema of its own.

    It allows what one of them does. Lists and objects are texts in a query; null is left out.
    """
    found = [branch for schema in schemas for branch in _in_query(schema)]
    kinds = {branch.get("type") for branch in found}
    distinct = [branch for index, branch in enumerate(found) if branch not in found[:index]]
    if len(distinct) == 1:
        return distinct[0]
    if kinds <= {"integer", "number"}:
        return {"type": "number" if "number" in kinds else "integer"}
    words = [branch["enum"] for branch in distinct if "enum" in branch]
    if kinds == {"string"} and len(words) == len(distinct):
        return {"type": "string", "enum": [*dict.fromkeys(chain.from_iterable(words))]}
    if kinds == {"string"}:
        return {"type": "string"}
    plain = [branch for branch in distinct if branch.get("type") not in {"integer", "number"}]
    numbers = [branch for branch in distinct if branch not in plain]
    return {"anyOf": [query_schema(numbers), *plain]} if len(numbers) > 1 else {"anyOf": distinct}


def query_example(value: Any) -> Any:
    """An example as a query has it: null, lists and objects as JSON."""
    return (
        json.dumps(value, separators=(",", ":")) if value is None or isinstance(value, list | dict) else value
    )


def _in_query(schema: Schema) -> Iterator[dict[str, Any]]:
    """The alternatives of a schema, as a query writes them."""
    if "anyOf" in schema:
        for branch in schema["anyOf"]:
            yield from _in_query(branch)
        return
    kind = schema.get("type")
    if kind == "null":
        return
    if kind in {"integer", "number", "boolean", "string"}:
        yield {key: part for key, part in schema.items() if key not in _ANNOTATIONS}
    elif "enum" in schema:
        numbers = [value for value in schema["enum"] if not isinstance(value, str)]
        yield {"type": "number", "enum": numbers}
        yield {"type": "string", "enum": [value for value in schema["enum"] if value not in numbers]}
    else:
        yield {"type": "string"}


def _shows_itself(schema: Schema) -> bool:
    return "enum" in schema or schema.get("type") == "boolean"


def _beside(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"x-beside": dict(values)} if values else {}


def header_field(description: str, example: str, *, name: str | None = None) -> dict[str, Any]:
    """A header field of an answer; its component has the `name`, that of the field by default."""
    return {**({"x-name": name} if name else {}), "description": description, **TEXT, "example": example}


def header_fields(known: dict[str, tuple[str, str]], *names: str, of: str = "") -> dict[str, Any]:
    """Header fields by name, of those that are `known` by description and example.

    Their components begin with the word `of`.
    """
    return {name: header_field(*known[name], name=f"{of}{name.replace('-', '')}") for name in names}
