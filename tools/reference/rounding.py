"""Section 3: the rounding of a float32 number to a narrower dtype."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np


class Format(NamedTuple):
    """A row of the page's table; `largest` is the code of the largest finite number."""

    exponent_bits: int
    fraction_bits: int
    bias: int
    largest: int
    overflow: int


FORMATS = {
    "float16": Format(5, 10, 15, 0x7BFF, 0x7C00),
    "bfloat16": Format(8, 7, 127, 0x7F7F, 0x7F80),
    "float8_e5m2": Format(5, 2, 15, 0x7B, 0x7C),
    "float8_e4m3fn": Format(4, 3, 7, 0x7E, 0x7E),
}


def rounded(value: np.float32, dtype: str) -> int:
    """The code of `value` in the dtype: to nearest, ties to even, and then the overflow."""
    form = FORMATS[dtype]
    sign = int(np.signbit(value)) << (form.exponent_bits + form.fraction_bits)
    magnitude = Fraction(abs(float(value)))
    if magnitude == 0:
        return sign
    exponent = max(math.frexp(float(magnitude))[1] - 1, 1 - form.bias)
    steps = round(magnitude / Fraction(2) ** (exponent - form.fraction_bits))  # of a unit in the last place
    code = steps + ((exponent + form.bias - 1) << form.fraction_bits)
    return sign | (form.overflow if code > form.largest else code)
