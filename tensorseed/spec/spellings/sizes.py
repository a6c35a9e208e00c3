"""Arguments that take one number, or a list of it for all dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from tensorseed.spec.layers.base import ONE_PER_DIMENSION

MAX_DIMENSIONS = 64  # of a tensor in torch


@cache
def number_or_list(model: type[BaseModel]) -> dict[str, int]:
    """The members that take one number or a list of them, and the longest list that one number stands for."""
    found = {}
    for name, field in model.model_fields.items():
        forms = [*alternatives(field.annotation)]
        lengths = [get_args(form) for form in forms if get_origin(form) is tuple]
        if lengths and (int in forms or float in forms):
            several = ONE_PER_DIMENSION in field.metadata or ... not in lengths[0]
            found[name] = MAX_DIMENSIONS if several else 1
    return found


def alternatives(annotation: Any) -> Iterator[Any]:
    """The alternatives of a type, without what annotates them."""
    if get_origin(annotation) is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from alternatives(one)
    else:
        yield annotation
