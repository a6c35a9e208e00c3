"""The modules inside others, as a location in the arguments leads to them."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel

from tensorseed.spec.layers.base import Arguments


def choices(model: type[BaseModel], field: str) -> dict[str, type[Arguments]]:
    """What the field of `model` can hold as a part, by `type`; by "" where there is no choice."""
    found = model.model_fields.get(field)
    return {} if found is None else {_tag(cls): cls for cls in _classes(found.annotation)}


def descend(
    model: type[BaseModel], location: tuple[str | int, ...]
) -> tuple[tuple[str | int, ...], type[BaseModel], tuple[str | int, ...]]:
    """Follow a validator's location from `model` into its parts.

    Returns the path of the innermost part that the location enters, in the document; the part's model; and
    the location from there.
    """
    if len(location) < 2:
        return (), model, location
    found = choices(model, str(location[0]))
    if "" in found:
        inner, rest = found[""], location[1:]
    elif location[1] in found:
        inner, rest = found[str(location[1])], location[2:]
    else:
        return (), model, location
    walked, innermost, rest = descend(inner, rest)
    return (location[0], *walked), innermost, rest


def _classes(annotation: Any) -> list[type[Arguments]]:
    """The parts that an annotation names, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Arguments):
        return [annotation]
    return [cls for inner in get_args(annotation) for cls in _classes(inner)]


def _tag(cls: type[Arguments]) -> str:
    return cls.type_name() if "type" in cls.model_fields else ""
