"""Arguments as sent, without those that are defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from tensorseed.spec.layers.base import Arguments
from tensorseed.spec.schemes.base import defaults_of
from tensorseed.spec.spellings.nested import nested_model
from tensorseed.spec.spellings.sizes import number_or_list


def without_defaults(given: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The members that differ from the defaults of the model, and so within objects that it holds."""
    defaults, sizes = defaults_of(model), number_or_list(model)
    found = {}
    for name, value in given.items():
        if (inner := nested_model(model, name, value)) is not None:
            value = without_defaults(value, inner)
        if isinstance(value, list) and len(value) <= sizes.get(name, 0) and len({*map(repr, value)}) == 1:
            value = value[0]
        exact = tuple(value) if isinstance(value, list) else value
        alike = (exact, float(value)) if type(value) is int and abs(value) < 1 << 53 else (exact,)
        if name not in defaults or defaults[name] not in [*map(repr, alike)]:
            found[name] = value
    for name, other in (model.defaults_from if issubclass(model, Arguments) else {}).items():
        if name in found and found[name] == found[other]:
            del found[name]
    return found
