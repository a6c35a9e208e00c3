"""Rounding a float64 number to a dtype, exactly: to nearest, up and down.

For parameters only; the elements of a tensor are rounded by the executors.
"""

from __future__ import annotations

import math
from fractions import Fraction

from tensorseed.sampling.dtypes import DType


def _grid(value: float, dtype: DType) -> Fraction:
    """The distance between neighbours of the dtype around `value`."""
    exponent = max(math.frexp(value)[1] - 1, 1 - dtype.bias)
    return Fraction(2) ** (exponent - dtype.mantissa_bits)


def round_down(value: float, dtype: DType) -> float:
    """The largest finite value of the dtype that is not above `value`; −∞ if there is none."""
    grid = _grid(value, dtype)
    rounded = float(math.floor(Fraction(value) / grid) * grid)
    if rounded < -dtype.largest:
        return -math.inf
    return min(rounded, dtype.largest)


def round_up(value: float, dtype: DType) -> float:
    """The smallest finite value of the dtype that is not below `value`; ∞ if there is none."""
    return -round_down(-value, dtype)


def round_nearest(value: float, dtype: DType) -> float:
    """The value of the dtype nearest to `value`, ties to even mantissa; ±∞ beyond its range."""
    grid = _grid(value, dtype)
    rounded = float(round(Fraction(value) / grid) * grid)
    return rounded if abs(rounded) <= dtype.largest else math.copysign(math.inf, value)
