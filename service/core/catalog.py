"""What the service offers, derived from the classes: schemes and layer types with their parameters."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel

from service.core.layers import LAYERS, Layer
from service.core.schemes import SCHEME_CLASSES

_BOUNDS = {"minimum": "minimum", "exclusiveMinimum": "greater_than", "maximum": "maximum"}
_LABELS = ("Formula", "Source")


def schemes_catalog() -> list[dict[str, Any]]:
    """Every init scheme: kind, aliases, summary, formula, source and parameters."""
    catalog = []
    for cls in SCHEME_CLASSES:
        kind, *aliases = cls.spellings()
        parts = _docstring(cls)
        catalog.append({"kind": kind, "aliases": aliases, **parts, "parameters": _parameters(cls, {"kind"})})
    return catalog


def layers_catalog() -> list[dict[str, Any]]:
    """Every layer type: type, summary and parameters. `init` of a torch.nn type is by parameter name."""
    return [
        {
            "type": name,
            "summary": _docstring(cls)["summary"],
            "torch": f"torch.nn.{name}" if issubclass(cls, Layer) else None,
            "parameters": _parameters(cls, {"name", "type", "dtype", "stream"}),
        }
        for name, cls in LAYERS.items()
    ]


def _docstring(cls: type) -> dict[str, str]:
    """The first sentence, and the labelled lines with their continuations."""
    lines = inspect.cleandoc(cls.__doc__ or "").splitlines()
    parts = {"summary": lines[0]}
    label = None
    for line in lines[1:]:
        head, _, rest = line.partition(": ")
        if head in _LABELS:
            label = head.lower()
            parts[label] = rest.strip()
        elif label is not None and line.startswith(" "):
            parts[label] += " " + line.strip()
        else:
            label = None
    return parts


def _parameters(cls: type[BaseModel], hidden: set[str]) -> list[dict[str, Any]]:
    schema = cls.model_json_schema()
    return [
        _parameter(name, field, schema) for name, field in schema["properties"].items() if name not in hidden
    ]


def _parameter(name: str, field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    required = name in schema.get("required", [])
    parameter: dict[str, Any] = {"name": name, "type": _type(name, field), "required": required}
    if not required:
        parameter["default"] = field.get("default", {})
    parameter |= {word: field[key] for key, word in _BOUNDS.items() if key in field}
    if "enum" in field:
        parameter["choices"] = field["enum"]
    return parameter | {"description": field.get("description", "")}


def _type(name: str, field: dict[str, Any]) -> str:
    """The JSON type, in words."""
    if name == "init":
        return "object of inits" if field.get("type") == "object" else "init"
    if "$ref" in field or "oneOf" in field:
        return "object"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type("", branch) for branch in field["anyOf"]))
    if field.get("type") == "array":
        inner = field.get("items") or (field.get("prefixItems") or [{}])[0]
        return f"list of {inner['type']}s" if "type" in inner else "list"
    return str(field.get("type", "any"))
