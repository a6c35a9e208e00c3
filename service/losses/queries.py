"""Options of a loss as query parameters, beside tensors in a file."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from tensorseed.errors import Fault, LossError, SpecError
from tensorseed.losses import Loss, Request
from tensorseed.losses.checks import fail
from tensorseed.spec.json.numbers import InexactNumberError
from tensorseed.spec.json.text import load

from ..http.errors import QueryError

Schema = Mapping[str, Any]

COMMON: dict[str, Schema] = Request.model_json_schema()["properties"]
"""The members that every request may have beside the tensors and the options of its loss."""


def query_document(loss: type[Loss], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The members that the same request would have as JSON: typed as the options of `loss` are.

    A text that is not of the option's type stays text. The loss refuses it.

    Raises:
        LossError: a number of the query is one that float64 lacks.
    """
    schemas = {**COMMON, **option_schemas(loss)}
    document = {}
    for name, text in parameters.items():
        try:
            document[name] = _value(text, schemas.get(name, {}))
        except InexactNumberError as error:
            raise fail(name, error.faults[0].detail) from None
    return document


def option_schemas(loss: type[Loss]) -> dict[str, Schema]:
    """The JSON schemas of a loss's options, by name."""
    schema = loss.model_json_schema()
    definitions: Mapping[str, Schema] = schema.get("$defs", {})
    return {
        name: definitions[option["$ref"].rpartition("/")[2]] if "$ref" in option else option
        for name, option in schema.get("properties", {}).items()
    }


def at_parameters(
    error: LossError, loss: type[Loss], parameters: Container[str], tensors: Container[str]
) -> LossError | QueryError:
    """The same error with its faults at query parameters, unless all are in the file, which has `tensors`.

    Faults in the file are reported once the query is valid.
    """
    faults = []
    for fault in error.faults:
        name = fault.pointer[1:].split("/")[0].replace("~1", "/").replace("~0", "~")
        in_file = not name or name in tensors or loss.argument(name) is not None
        if name in parameters or not in_file:
            faults.append(Fault(name, fault.detail))
    return QueryError(faults) if faults else error


def _value(text: str, schema: Schema) -> Any:
    types = _types(schema)
    value = _literal(text)
    if _type(value) in types:
        return value
    return [_literal(part) for part in text.split(",") if part] if "array" in types else text


def _literal(text: str) -> Any:
    """The value of the text as JSON; the text itself where it is none."""
    try:
        return load(text.encode())
    except InexactNumberError:
        raise
    except SpecError:
        return text


def _types(schema: Schema) -> set[str]:
    """The JSON types that an option can have. Every integer is a number as well."""
    branches = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    found = {name for branch in branches for name in _types(branch)}
    if "type" in schema:
        found.add(schema["type"])
    found |= {
        _type(value) for value in [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]
    }
    return found | ({"integer"} if "number" in found else set())


def _type(value: Any) -> str:
    """The name that JSON Schema has for the type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
