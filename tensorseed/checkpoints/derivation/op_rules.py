"""Rules by which torch's operations change a tensor's distribution.

Operations without a rule give elements of an unknown distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_leaves

from tensorseed.checkpoints.derivation.recorded_distributions import (
    RecordedDistribution,
    constant,
    normal,
    uniform,
)
from tensorseed.checkpoints.derivation.recorded_functions import FUNCTIONS

Given = Mapping[str, Any]  # the arguments of an operation, by the names of its schema
Source = Callable[[Any], RecordedDistribution | None]  # what fills a tensor, where that is one distribution
Number = Callable[[Any], float | None]  # the value of a number, or of a tensor with one known element
Rule = Callable[[Given, Source, Number], RecordedDistribution | None]


def _scaled(given: Given, source: Source, number: Number) -> RecordedDistribution | None:
    for one, other in (("self", "other"), ("other", "self")):
        factor, fill = number(given[other]), source(given[one])
        if fill is not None and factor is not None:
            return fill.scaled(factor)
    return None


def _divided(given: Given, source: Source, number: Number) -> RecordedDistribution | None:
    fill, divisor = source(given["self"]), number(given["other"])
    return fill.scaled(1 / divisor) if fill and divisor and given.get("rounding_mode") is None else None


def _added(given: Given, source: Source, number: Number) -> RecordedDistribution | None:
    fill, amount, alpha = source(given["self"]), number(given["other"]), number(given.get("alpha", 1))
    if fill is not None and alpha == 1 and (other := source(given["other"])) is not None:
        return fill.plus(other) if given["self"].stride() == given["other"].stride() else None
    if fill is None:
        fill, amount = source(given["other"]), number(given["self"])
        fill = fill.scaled(alpha) if fill and alpha is not None else None
        alpha = 1
    return None if fill is None or amount is None or alpha is None else fill.shifted(alpha * amount)


def _subtracted(given: Given, source: Source, number: Number) -> RecordedDistribution | None:
    alpha = number(given.get("alpha", 1))
    return None if alpha is None else _added({**given, "alpha": -alpha}, source, number)


def _subtracted_from(given: Given, source: Source, number: Number) -> RecordedDistribution | None:
    fill, alpha, whole = source(given["self"]), number(given.get("alpha", 1)), number(given["other"])
    scaled = fill.scaled(-alpha) if fill and alpha is not None else None
    return scaled.shifted(whole) if scaled and whole is not None else None


def _clamped(given: Given, source: Source, number: Number) -> RecordedDistribution | None:
    fill = source(given["self"])
    ends = [number(given[end]) if given.get(end) is not None else None for end in ("min", "max")]
    low, high = (-math.inf if ends[0] is None else ends[0]), (math.inf if ends[1] is None else ends[1])
    return fill.clamped(low, high) if fill else None


def _clamped_below(given: Given, source: Source, number: Number) -> RecordedDistribution | None:
    fill, low = source(given["self"]), number(given["min"])
    return None if fill is None or low is None else fill.clamped(low, math.inf)


def _function(name: str) -> Rule:
    """The rule of a function of one argument."""

    def mapped(given: Given, source: Source, _number: Number) -> RecordedDistribution | None:
        fill = source(given["self"])
        return fill.mapped(name) if fill else None

    return mapped


def _negated(given: Given, source: Source, _number: Number) -> RecordedDistribution | None:
    fill = source(given["self"])
    return fill.scaled(-1) if fill else None


def _drawn_normal(given: Given, _source: Source, number: Number) -> RecordedDistribution | None:
    mean, std = number(given.get("mean", 0.0)), number(given.get("std", 1.0))
    return None if mean is None or std is None else normal(mean, std)


def _drawn_uniform(given: Given, _source: Source, _number: Number) -> RecordedDistribution | None:
    return uniform(given["from"], given["to"])


def _filled(given: Given, _source: Source, number: Number) -> RecordedDistribution | None:
    value = number(given["value"] if "value" in given else given["fill_value"])
    return None if value is None or not math.isfinite(value) else constant(value)


def _zeros(_given: Given, _source: Source, _number: Number) -> RecordedDistribution | None:
    return constant(0.0)


def _ones(_given: Given, _source: Source, _number: Number) -> RecordedDistribution | None:
    return constant(1.0)


def _standard_normal(_given: Given, _source: Source, _number: Number) -> RecordedDistribution | None:
    return normal()


def _standard_uniform(_given: Given, _source: Source, _number: Number) -> RecordedDistribution | None:
    return uniform()


_ARITHMETIC: dict[str, Rule] = {
    "mul": _scaled,
    "div": _divided,
    "add": _added,
    "sub": _subtracted,
    "neg": _negated,
    "clamp": _clamped,
    "clamp_min": _clamped_below,
    **{name: _function(name) for name in FUNCTIONS},
}

RULES: dict[str, Rule] = {
    **_ARITHMETIC,
    **{f"{name}_": rule for name, rule in _ARITHMETIC.items()},
    "normal_": _drawn_normal,
    "normal": _drawn_normal,
    "uniform_": _drawn_uniform,
    "fill_": _filled,
    "zero_": _zeros,
    "full": _filled,
    "full_like": _filled,
    "new_full": _filled,
    "zeros": _zeros,
    "zeros_like": _zeros,
    "new_zeros": _zeros,
    "ones": _ones,
    "ones_like": _ones,
    "new_ones": _ones,
    "rsub": _subtracted_from,
    "randn": _standard_normal,
    "randn_like": _standard_normal,
    "rand": _standard_uniform,
    "rand_like": _standard_uniform,
}


_EMPTY = ("empty", "new_empty", "resize_", "set_")  # what leaves elements as they are


class Operation(NamedTuple):
    """An operation that fills elements."""

    name: str  # without aten:: and overload
    written: tuple[str, ...]  # the arguments that it writes to; its results are new without any
    chance: bool  # whether it draws


@cache
def operation_of(func: Any) -> Operation | None:
    """The operation; None of one that fills nothing, such as a view."""
    schema = func._schema
    name = schema.name.removeprefix("aten::")
    written = tuple(part.name for part in schema.arguments if part.alias_info and part.alias_info.is_write)
    view = not written and any(part.alias_info for part in schema.returns)
    if view or name.startswith(_EMPTY):
        return None
    return Operation(name, written, torch.Tag.nondeterministic_seeded in func.tags)


def bound(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, defaults included."""
    given = {part.name: part.default_value for part in func._schema.arguments if part.has_default_value()}
    names = (part.name for part in func._schema.arguments)
    return {**given, **dict(zip(names, args, strict=False)), **kwargs}


def tensors_in(tree: Any) -> list[torch.Tensor]:
    """The tensors among nested arguments or results."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def storage_of(tensor: torch.Tensor) -> int:
    """The identity of a tensor's storage, unique among those that are alive."""
    return int(tensor.untyped_storage()._cdata)


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a row-major tensor."""
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= max(size, 1)
    return tuple(reversed(steps))
