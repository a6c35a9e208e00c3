"""Numbers of a spec: float64, to which an integer converts exactly.

A decimal fraction is rounded to the nearest float64, as in every language. An integer that float64 lacks is
refused, since it names one number and nothing near it.

A bound can be infinite. JSON has no such number, so that a string spells it: "Infinity" or "-Infinity".
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from tensorseed.sampling.distributions.literals import MAX_EXACT_INTEGER


def sum_of_product(offset: float, factor: float, other: float) -> float:
    """offset + factor · other of numbers as written, rounded once; an infinity beyond float64.

    A number is what its shortest decimal says, so that the result is the number that one would write for it.

    >>> sum_of_product(0.0, 3.0, 0.1), 3.0 * 0.1
    (0.3, 0.30000000000000004)
    """
    if not (math.isfinite(offset) and math.isfinite(factor) and math.isfinite(other)):
        return offset + factor * other
    exact = Fraction(repr(offset)) + Fraction(repr(factor)) * Fraction(repr(other))
    try:
        return float(exact) + 0.0  # no −0, which a tiny negative number becomes
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def rounded(number: int) -> int:
    """The float64 nearest to an integer; the integer itself beyond the range of float64."""
    try:
        return number if abs(number) <= MAX_EXACT_INTEGER else int(float(number))
    except OverflowError:
        return number


def inexact(number: int) -> str | None:
    """The fault of an integer that float64 lacks; None for any other."""
    nearest = rounded(number)
    return None if nearest == number else f"float64 has no {number}: write {nearest}, the nearest that it has"


def _check(value: Any) -> Any:
    detail = inexact(value) if type(value) is int else None
    if detail is not None:
        raise PydanticCustomError("inexact_integer", "{detail}", {"detail": detail})
    return value


def whole(number: float) -> int | float:
    """The number as an integer where it is one of 64 bits, which is how JSON is read; −0 stays a float."""
    fits = number.is_integer() and -(1 << 63) <= number < 1 << 64
    return int(number) if fits and (number or math.copysign(1.0, number) > 0) else number


def with_whole_numbers(value: Any) -> Any:
    """The JSON value with every whole number as an integer; members keep their order."""
    if isinstance(value, dict):
        return {name: with_whole_numbers(one) for name, one in value.items()}
    if isinstance(value, list):
        return [*map(with_whole_numbers, value)]
    return whole(value) if isinstance(value, float) else value


EXACT = BeforeValidator(_check)
Float64 = Annotated[float, EXACT]
"""A field that holds a float64: any number, or an integer that float64 has."""

_INFINITE = re.compile(r"([+-]?)inf(inity)?", re.IGNORECASE)
_NO_BOUND = PydanticCustomError("bound", "no bound")
INFINITIES = ("-Infinity", "Infinity")
"""The words for numbers that JSON lacks."""

_BOUND = {"anyOf": [{"type": "number"}, {"type": "string", "enum": [*INFINITIES]}]}


def spelled(value: float) -> float | str:
    """The JSON value of a bound: the number, or the word for an infinity."""
    return value if math.isfinite(value) else INFINITIES[value > 0]


def _infinite(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _INFINITE.fullmatch(value)
    if found is None:
        raise _NO_BOUND
    return -math.inf if found[1] == "-" else math.inf


def _ordered(value: float) -> float:
    if math.isnan(value):
        raise _NO_BOUND
    return value


Bound = Annotated[
    float,
    Field(allow_inf_nan=True),
    AfterValidator(_ordered),
    EXACT,
    BeforeValidator(_infinite),
    WithJsonSchema(_BOUND),
]
"""A field that holds a float64 or an infinity, which strings such as "-Infinity" and "inf" spell."""

SEED_COUNT = 1 << 64
_SEED = re.compile("[0-9]{1,20}", re.ASCII)
_SEED_RULE = f"a seed is an integer from 0 to {SEED_COUNT - 1}, or a decimal string of one"


def _seed(value: Any) -> int:
    seed = int(value) if isinstance(value, str) and _SEED.fullmatch(value) else value
    if type(seed) is not int or not 0 <= seed < SEED_COUNT:
        raise ValueError(_SEED_RULE)
    return seed


Seed = Annotated[
    int,
    BeforeValidator(_seed),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "exclusiveMaximum": SEED_COUNT},
                {"type": "string", "pattern": "^[0-9]{1,20}$"},
            ]
        }
    ),
]
"""A field that holds a seed, which a number or a decimal string spells."""
