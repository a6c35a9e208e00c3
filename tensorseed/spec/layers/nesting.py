"""Modules that the fields of layers hold."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel

from tensorseed.spec.layers.base import Arguments


def nested_types(model: type[BaseModel], field: str) -> dict[str, type[Arguments]]:
    """The modules that a field of `model` can hold, by `type`; by "" where there is no choice."""
    found = model.model_fields.get(field)
    return {} if found is None else {_tag(cls): cls for cls in _classes(found.annotation)}


def descend(
    model: type[BaseModel], location: tuple[str | int, ...]
) -> tuple[tuple[str | int, ...], type[BaseModel], tuple[str | int, ...]]:
    """Follow a validator's location from `model` into the modules that it holds.

    Returns the path of the innermost module in the document, its model, and the location from there.
    """
    if len(location) < 2:
        return (), model, location
    found = nested_types(model, str(location[0]))
    if "" in found:
        inner, rest = found[""], location[1:]
    elif location[1] in found:
        inner, rest = found[str(location[1])], location[2:]
    else:
        return (), model, location
    walked, innermost, rest = descend(inner, rest)
    return (location[0], *walked), innermost, rest


def _classes(annotation: Any) -> list[type[Arguments]]:
    """The modules in an annotation, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Arguments):
        return [annotation]
    return [cls for inner in get_args(annotation) for cls in _classes(inner)]


def _tag(cls: type[Arguments]) -> str:
    return cls.type_name() if "type" in cls.model_fields else ""
