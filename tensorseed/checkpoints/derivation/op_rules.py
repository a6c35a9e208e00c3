"""What torch's operations do to the distribution of the elements that they fill: one table, by name.

Operations that are missing give elements whose distribution nobody can tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tensorseed.checkpoints.derivation.recorded_distributions import Fill, constant, normal, uniform

Given = Mapping[str, Any]  # the arguments of an operation, by the names of its schema
Source = Callable[[Any], Fill | None]  # what fills a tensor, where that is one distribution
Number = Callable[[Any], float | None]  # the value of a number, or of a tensor with one known element
Rule = Callable[[Given, Source, Number], Fill | None]


def _scaled(given: Given, source: Source, number: Number) -> Fill | None:
    for one, other in (("self", "other"), ("other", "self")):
        factor, fill = number(given[other]), source(given[one])
        if fill is not None and factor is not None:
            return fill.scaled(factor)
    return None


def _divided(given: Given, source: Source, number: Number) -> Fill | None:
    fill, divisor = source(given["self"]), number(given["other"])
    return fill.scaled(1 / divisor) if fill and divisor and given.get("rounding_mode") is None else None


def _added(given: Given, source: Source, number: Number) -> Fill | None:
    fill, amount, alpha = source(given["self"]), number(given["other"]), number(given.get("alpha", 1))
    if fill is None:
        fill, amount = source(given["other"]), number(given["self"])
        fill = fill.scaled(alpha) if fill and alpha is not None else None
        alpha = 1
    return None if fill is None or amount is None or alpha is None else fill.shifted(alpha * amount)


def _subtracted(given: Given, source: Source, number: Number) -> Fill | None:
    alpha = number(given.get("alpha", 1))
    return None if alpha is None else _added({**given, "alpha": -alpha}, source, number)


def _subtracted_from(given: Given, source: Source, number: Number) -> Fill | None:
    fill, alpha, whole = source(given["self"]), number(given.get("alpha", 1)), number(given["other"])
    scaled = fill.scaled(-alpha) if fill and alpha is not None else None
    return scaled.shifted(whole) if scaled and whole is not None else None


def _clamped(given: Given, source: Source, number: Number) -> Fill | None:
    fill = source(given["self"])
    ends = [number(given[end]) if given.get(end) is not None else None for end in ("min", "max")]
    low, high = (-math.inf if ends[0] is None else ends[0]), (math.inf if ends[1] is None else ends[1])
    return fill.clamped(low, high) if fill else None


def _negated(given: Given, source: Source, _number: Number) -> Fill | None:
    fill = source(given["self"])
    return fill.scaled(-1) if fill else None


def _drawn_normal(given: Given, _source: Source, number: Number) -> Fill | None:
    mean, std = number(given.get("mean", 0.0)), number(given.get("std", 1.0))
    return None if mean is None or std is None else normal(mean, std)


def _drawn_uniform(given: Given, _source: Source, _number: Number) -> Fill | None:
    return uniform(given["from"], given["to"])


def _filled(given: Given, _source: Source, number: Number) -> Fill | None:
    value = number(given["value"] if "value" in given else given["fill_value"])
    return None if value is None or not math.isfinite(value) else constant(value)


def _zeros(_given: Given, _source: Source, _number: Number) -> Fill | None:
    return constant(0.0)


def _ones(_given: Given, _source: Source, _number: Number) -> Fill | None:
    return constant(1.0)


def _standard_normal(_given: Given, _source: Source, _number: Number) -> Fill | None:
    return normal()


def _standard_uniform(_given: Given, _source: Source, _number: Number) -> Fill | None:
    return uniform()


_ARITHMETIC: dict[str, Rule] = {
    "mul": _scaled,
    "div": _divided,
    "add": _added,
    "sub": _subtracted,
    "neg": _negated,
    "clamp": _clamped,
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
