"""Sinusoids of positions, in float64, portable bit by bit.

numpy rounds each `+ − · /` once and fuses none, and no library's `exp`, `sin` or `cos` takes part. Section 11
of `docs/stream-v1.md` lists every operation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache

import numpy as np

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.sampling.distributions.base import Elementwise, Indices, Numbers, Shape
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.philox import Stream
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

TILE = 1 << 16  # elements at a time, so that the intermediate arrays stay in a cache
MAX_FREQUENCIES = 1 << 14  # of which the mean is computed; more are sampled
ONE_OVER_LN_2 = F(1.4426950408889634)
TWO_OVER_PI, FOUR_OVER_PI = F(0.6366197723675814), F(1.2732395447351628)
# π/2 as its first 33 bits, the next 33, and the rest: multiples of the first two are exact below 2²⁰
HALF_PI_1, HALF_PI_2 = F(1.5707963267341256), F(6.077100506303966e-11)
HALF_PI_3 = F(2.0222662487959506e-21)
# exp(r) = Σ rⁿ/n!, |r| ≤ ½·log 2, error below 2⁻⁵⁷
EXP = tuple(F(1.0 / math.factorial(n)) for n in range(14))
SIN, COS = (S0, S1, S2, S3, S4, S5, S6), (C0, C1, C2, C3, C4, C5, C6)


@dataclass(frozen=True)
class Sinusoidal(Elementwise):
    """Sines and cosines of positions, the rows, at n = `columns`/2 frequencies from 1 down.

    The last frequency is 1/`max_timescale` where `endpoint` holds, else the one that would follow is. Source:
    Vaswani et al., "Attention is all you need", NIPS 2017.
    """

    columns: int
    max_timescale: float  # wavelength over 2π, in positions
    interleaved: bool  # each cosine beside its sine, else all sines before all cosines
    endpoint: bool

    @property
    def _steps(self) -> int:
        """Frequencies from the first to 1/max_timescale."""
        half = self.columns // 2
        return max(half - 1 if self.endpoint else half, 1)

    def check_values(self, dtype: DType) -> None:
        """Every floating-point dtype holds [−1, 1]."""

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """The mean by `mean_of_sinusoids`; each sine and its cosine have the sum of squares 1."""
        mean = mean_of_sinusoids(self, shape[0])
        return mean, 0.5 - mean * mean

    def magnitudes(self, shape: Shape) -> None:
        """Nothing is random."""

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Positions and frequencies differ."""
        return False

    def nanoseconds(self, dtype: DType) -> float:
        """Those of a sine, operation by operation in numpy."""
        return 30.0

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The elements at `indices`."""
        half, out = self.columns // 2, np.empty(indices.size)
        table = self._frequencies(np.arange(half)) if half <= indices.size else None
        for i in range(0, indices.size, TILE):
            check_cancelled()
            position, column = np.divmod(indices[i : i + TILE], self.columns)
            if self.interleaved:
                index, is_cosine = column >> 1, column & 1
            else:
                is_cosine = (column >= half).astype(np.int64)
                index = column - half * is_cosine
            frequency = self._frequencies(index) if table is None else table[index]
            out[i : i + TILE] = _sine(position.astype(np.float64) * frequency, is_cosine)
        return out

    def _frequencies(self, index: Indices) -> Numbers:
        """exp(−index · step), step = log(max_timescale) over the number of steps."""
        step = F(nearest_log(self.max_timescale)) / F(self._steps)
        return exp(-(index.astype(np.float64) * step))


@lru_cache(maxsize=1024)
def mean_of_sinusoids(sinusoidal: Sinusoidal, positions: int) -> float:
    """The mean over all elements, by the sums of sines and cosines in arithmetic progression."""
    half = sinusoidal.columns // 2
    index = np.linspace(0.0, half - 1.0, min(half, MAX_FREQUENCIES))
    angle = 0.5 * np.exp(-index * (math.log(sinusoidal.max_timescale) / sinusoidal._steps))
    sums = np.sin(positions * angle) / np.sin(angle)
    phase = (positions - 1) * angle
    return float((sums * (np.sin(phase) + np.cos(phase))).mean()) / (2.0 * positions)


@lru_cache
def nearest_log(x: float) -> float:
    """The float64 nearest to log(x)."""
    return float(Decimal(x).ln(Context(prec=60)))


def exp(x: Numbers) -> Numbers:
    """exp(x) for |x| ≤ 700: 2ⁿ·exp(r), n the integer nearest to x/log 2."""
    n = np.rint(x * ONE_OVER_LN_2)
    r = (x - n * LN_2_HIGH) - n * LN_2_LOW
    scale: Numbers = ((n.astype(np.int64) + 1023) << 52).view(np.float64)
    return _horner(EXP, r) * scale


def _sine(angle: Numbers, is_cosine: Indices) -> Numbers:
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
