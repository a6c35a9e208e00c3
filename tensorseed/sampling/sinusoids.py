"""Sinusoids of positions: frequencies, sines and cosines in float64, the same bits on every machine.

numpy rounds each `+ − · /` once and fuses none, and no library's `exp`, `sin` or `cos` takes part. Section 11
of `docs/stream-v1.md` says every operation.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions import Sinusoidal
from tensorseed.sampling.transforms64 import (
    C0,
    C1,
    C2,
    C3,
    C4,
    C5,
    C6,
    LN_2_HIGH,
    LN_2_LOW,
    ONE,
    S0,
    S1,
    S2,
    S3,
    S4,
    S5,
    S6,
)

F = np.float64
Numbers = npt.NDArray[np.float64]
Elements = npt.NDArray[np.int64]

TILE = 1 << 16  # elements at once, so that what is between stays in a cache
ONE_OVER_LN_2 = F(1.4426950408889634)
TWO_OVER_PI, FOUR_OVER_PI = F(0.6366197723675814), F(1.2732395447351628)
# π/2 as its first 33 bits, the next 33, and the rest: multiples of the first two are exact below 2²⁰
HALF_PI_1, HALF_PI_2 = F(1.5707963267341256), F(6.077100506303966e-11)
HALF_PI_3 = F(2.0222662487959506e-21)
EXP = tuple(
    F(1.0 / math.factorial(n)) for n in range(14)
)  # exp(r) = Σ rⁿ/n!, |r| ≤ ½·log 2, error below 2⁻⁵⁷
SIN, COS = (S0, S1, S2, S3, S4, S5, S6), (C0, C1, C2, C3, C4, C5, C6)


def sinusoids(what: Sinusoidal, elements: Elements) -> Numbers:
    """The listed elements of the row-major matrix."""
    half, out = what.columns // 2, np.empty(elements.size)
    table = _frequencies(what, np.arange(half)) if half <= elements.size else None
    for i in range(0, elements.size, TILE):
        position, column = np.divmod(elements[i : i + TILE], what.columns)
        if what.interleaved:
            index, is_cosine = column >> 1, column & 1
        else:
            is_cosine = (column >= half).astype(np.int64)
            index = column - half * is_cosine
        frequency = _frequencies(what, index) if table is None else table[index]
        out[i : i + TILE] = _sine(position.astype(np.float64) * frequency, is_cosine)
    return out


def _frequencies(what: Sinusoidal, index: Elements) -> Numbers:
    """exp(−index · step), step = log(max_timescale) over the number of steps."""
    half = what.columns // 2
    step = F(_log(what.max_timescale)) / F(max(half - 1 if what.endpoint else half, 1))
    return _exp(-(index.astype(np.float64) * step))


@lru_cache
def _log(x: float) -> float:
    """The float64 nearest to log(x)."""
    return float(Decimal(x).ln(Context(prec=60)))


def _exp(x: Numbers) -> Numbers:
    """exp(x) for −700 < x ≤ 0: 2ⁿ·exp(r), n the integer nearest to x/log 2."""
    n = np.rint(x * ONE_OVER_LN_2)
    r = (x - n * LN_2_HIGH) - n * LN_2_LOW
    scale: Numbers = ((n.astype(np.int64) + 1023) << 52).view(np.float64)
    return _horner(EXP, r) * scale


def _sine(angle: Numbers, is_cosine: Elements) -> Numbers:
    """sin(angle), or cos(angle) where `is_cosine` is 1: a cosine is a sine a quarter of the circle on."""
    quarters = np.rint(angle * TWO_OVER_PI)
    r = ((angle - quarters * HALF_PI_1) - quarters * HALF_PI_2) - quarters * HALF_PI_3
    x = r * FOUR_OVER_PI
    square = x * x
    quadrant = quarters.astype(np.int64) + is_cosine
    sine, cosine = _horner(SIN, square) * x, _horner(COS, square) * square + ONE
    values: Numbers = np.where(quadrant & 1, cosine, sine)
    return np.where(quadrant & 2, -values, values)


def _horner(coefficients: tuple[np.float64, ...], x: Numbers) -> Numbers:
    """The polynomial, from its highest coefficient; the constant term comes first."""
    total = x * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        total = total * x + coefficient
    return total
