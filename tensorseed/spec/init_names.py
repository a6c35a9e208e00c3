"""Brace ranges in the names of a layer's `init`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        ArgumentError: the ranges of a name are malformed, stand for too many parameters, alone or with those
            before them, or for one that another name stands for.
    """
    if not any("{" in name for name in inits):
        return dict(inits)
    _check_count(inits)
    found: dict[str, T] = {}
    for name, init in inits.items():
        for one in _expanded(name):
            if one in found:
                detail = f"init names {one} twice: narrow the ranges, or leave one of the names out"
                raise ArgumentError(("init", name), detail)
            found[one] = init
    return found


def _check_count(inits: Iterable[str]) -> None:
    """Check the names and the number that they stand for together, before any is expanded.

    Raises:
        ArgumentError: the ranges of a name are malformed, or there are too many parameters.
    """
    total = 0
    for name in inits:
        if not _has_ranges(name):
            total += 1
            continue
        try:
            check_name(name)
        except ValueError as error:
            raise ArgumentError(("init", name), str(error)) from None
        total += (count := count_names(name))
        if count > MAX_SLOTS:
            detail = f"this name stands for {count:,} parameters, a layer has at most {MAX_SLOTS:,}"
            raise ArgumentError(("init", name), f"{detail}: narrow its ranges")
        if total > MAX_SLOTS:
            detail = f"up to here init names {total:,} parameters, a layer has at most {MAX_SLOTS:,}"
            raise ArgumentError(("init", name), f"{detail}: narrow the ranges")


def _expanded(name: str) -> list[str]:
    return expand(name) if _has_ranges(name) else [name]


def _has_ranges(name: str) -> bool:
    return "{" in name and not is_plain(name)


def written_name(name: str, inits: Mapping[str, object]) -> str:
    """The name in `inits` that stands for the parameter `name`."""
    if name in inits:
        return name
    return next((one for one in inits if "{" in one and name in expand(one)), name)
