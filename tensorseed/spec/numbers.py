"""Numbers of a spec: float64, to which an integer converts exactly.

A decimal fraction is rounded to the nearest float64, as in every language. An integer that float64 lacks is
refused, since it names one number and nothing near it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from tensorseed.sampling.distributions.literals import MAX_EXACT_INTEGER


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


EXACT = BeforeValidator(_check)
Float64 = Annotated[float, EXACT]
"""A field that holds a float64: any number, or an integer that float64 has."""
