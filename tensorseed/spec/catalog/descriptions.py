"""Descriptions of a class: labels of its docstring, and parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

_BOUNDS = {"minimum": "minimum", "exclusiveMinimum": "greater_than", "maximum": "maximum"}
_INITS = {"init": "init", "object": "object of inits"}

Schema = dict[str, Any]
Row = dict[str, Any]


def docstring(cls: type, labels: Sequence[str] = ("Formula", "Source")) -> dict[str, str]:
    """The first sentence as `summary`, and the lines with a label, by the label in lower case.

    A line goes on where the next is indented. A label that a class leaves out is that of its bases.
    """
    labelled: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if "__doc__" in vars(base) and issubclass(base, BaseModel):
            labelled |= _labelled(base, labels)
    return {"summary": inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]} | labelled


def _labelled(cls: type, labels: Sequence[str]) -> dict[str, str]:
    labelled: dict[str, str] = {}
    label = None
    for line in inspect.cleandoc(cls.__doc__ or "").splitlines()[1:]:
        head, _, rest = line.partition(": ")
        if head in labels:
            label = head.lower()
            labelled[label] = rest.strip()
        elif label is not None and line.startswith(" "):
            labelled[label] += " " + line.strip()
        else:
            label = None
    return labelled


def parameters(model: type[BaseModel], hidden: set[str]) -> list[Row]:
    """The fields of `model` but for the `hidden` ones, with type, default, bounds, choices and description.

    Bounds hold for every number of a field that can be a list. An object has `parameters` of its own, or
    `options` where its `type` chooses between several.
    """
    schema = model.model_json_schema()
    return _rows(schema, schema.get("$defs", {}), hidden)


def _rows(schema: Schema, definitions: Schema, hidden: set[str]) -> list[Row]:
    required = schema.get("required", [])
    return [
        _row(name, field, definitions, required=name in required)
        for name, field in schema["properties"].items()
        if name not in hidden
    ]


def _row(name: str, field: Schema, definitions: Schema, *, required: bool) -> Row:
    row: Row = {"name": name, "type": _type(name, field), "required": required}
    if not required:
        row["default"] = field.get("default", {})
    for branch in _branches(field) if name != "init" else ():
        row |= _restrictions(branch)
        row |= _inside(branch, definitions)
    return row | {"description": field.get("description", "")}


def _branches(field: Schema) -> Iterator[Schema]:
    """The alternatives of a field, and the elements of its lists."""
    for branch in field.get("anyOf", [field]):
        yield branch
        if branch.get("type") == "array":
            yield _element(branch)


def _element(array: Schema) -> Schema:
    element: Schema = array.get("items") or (array.get("prefixItems") or [{}])[0]
    return element


def _restrictions(branch: Schema) -> Row:
    found = {word: branch[key] for key, word in _BOUNDS.items() if key in branch}
    if "enum" in branch:
        found["choices"] = branch["enum"]
    elif "const" in branch:
        found["choices"] = [branch["const"]]
    return found


def _inside(branch: Schema, definitions: Schema) -> Row:
    """The members of an object."""
    if "oneOf" in branch:
        kinds = branch["discriminator"]["mapping"]
        return {
            "options": [
                {"type": kind, "parameters": _rows(_definition(path, definitions), definitions, {"type"})}
                for kind, path in kinds.items()
            ]
        }
    if "$ref" in branch:
        return {"parameters": _rows(_definition(branch["$ref"], definitions), definitions, {"type"})}
    return {}


def _definition(path: str, definitions: Schema) -> Schema:
    found: Schema = definitions[path.rpartition("/")[2]]
    return found


def _type(name: str, field: Schema) -> str:
    """The JSON type, in words."""
    if name == "init":
        return _INITS.get(field.get("type", ""), "init")
    if "$ref" in field or "oneOf" in field:
        return "object"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type("", branch) for branch in field["anyOf"]))
    if field.get("type") == "array":
        element = _element(field).get("type")
        length = f"{field['minItems']} " if "prefixItems" in field else ""
        return f"list of {length}{element}{'' if length == '1 ' else 's'}" if element else "list"
    return str(field.get("type", "any"))
