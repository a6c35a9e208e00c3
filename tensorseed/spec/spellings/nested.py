"""Objects that arguments hold, and their classes."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from tensorseed.spec.spellings.sizes import alternatives


def nested_model(model: type[BaseModel], name: str, value: Any) -> type[BaseModel] | None:
    """The class of an object that the field `name` holds, by its type if there are several; or None.

    >>> from tensorseed.spec.layers import LAYERS
    >>> nested_model(LAYERS["TransformerEncoder"], "norm", {"type": "RMSNorm"}).__name__
    'RMSNormPart'
    """
    classes = _classes(model).get(name) if isinstance(value, dict) else None
    if not classes:
        return None
    return next(iter(classes.values())) if len(classes) == 1 else classes.get(value.get("type"))


@cache
def _classes(model: type[BaseModel]) -> dict[str, dict[str, type[BaseModel]]]:
    """By field the classes of the objects that it holds, by type; an init is none of them."""
    found: dict[str, dict[str, type[BaseModel]]] = {}
    for name, field in model.model_fields.items():
        for form in alternatives(field.annotation):
            if isinstance(form, type) and issubclass(form, BaseModel) and "kind" not in form.model_fields:
                kind = form.model_fields.get("type")
                words = get_args(kind.annotation) if kind is not None else (form.__name__,)
                found.setdefault(name, {})[words[0]] = form
    return found
