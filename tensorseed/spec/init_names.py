"""Brace ranges in the names of a layer's `init`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from tensorseed.spec.layers.base import MAX_SLOTS
from tensorseed.spec.names import check_name, count_names, expand, is_plain
from tensorseed.spec.schemes import ArgumentError

T = TypeVar("T")


def expand_init_names(inits: Mapping[str, T]) -> dict[str, T]:
    """The inits by the names of single parameters.

    >>> expand_init_names({"layers.{0..1}.linear1.weight": "zeros", "norm.bias": "ones"})
    {'layers.0.linear1.weight': 'zeros', 'layers.1.linear1.weight': 'zeros', 'norm.bias': 'ones'}

    Raises:
        ArgumentError: the ranges of a name are malformed, stand for too many parameters, or for one that
            another name stands for.
    """
    if not any("{" in name for name in inits):
        return dict(inits)
    found: dict[str, T] = {}
    for name, init in inits.items():
        for one in _expanded(name):
            if one in found:
                detail = f"init names {one} twice: narrow the ranges, or leave one of the names out"
                raise ArgumentError(("init", name), detail)
            found[one] = init
    return found


def _expanded(name: str) -> list[str]:
    if "{" not in name or is_plain(name):
        return [name]
    try:
        check_name(name)
    except ValueError as error:
        raise ArgumentError(("init", name), str(error)) from None
    if (count := count_names(name)) > MAX_SLOTS:
        detail = f"this name stands for {count:,} parameters, a layer has at most {MAX_SLOTS:,}"
        raise ArgumentError(("init", name), f"{detail}: narrow its ranges")
    return expand(name)


def written_name(name: str, inits: Mapping[str, object]) -> str:
    """The name in `inits` that stands for the parameter `name`."""
    if name in inits:
        return name
    return next((one for one in inits if "{" in one and name in expand(one)), name)
