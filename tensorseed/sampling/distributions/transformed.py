"""Functions of uniform draws: logarithm, exponential, inverse softplus.

All are computed in float64 and rounded once, by section 14 of `docs/stream-v1.md`. The functions increase or
decrease throughout, so that the ends of the interval bound every element.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.sampling.distributions.base import (
    Indices,
    Magnitudes,
    Numbers,
    Sampler,
    Shape,
    Storage,
    Structured,
    check_bound,
)
from tensorseed.sampling.distributions.draws import Uniform
from tensorseed.sampling.distributions.sinusoidal import exp, nearest_log
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.low_precision import encode
from tensorseed.sampling.philox import Stream
from tensorseed.sampling.transforms64 import (
    HALF,
    L0,
    L1,
    L2,
    L3,
    L4,
    L5,
    L6,
    L7,
    LN_2_HIGH,
    LN_2_LOW,
    MANTISSA,
    ONE,
    ONE_MINUS_SQRT_HALF_BITS,
    SQRT_HALF_BITS,
    TWO,
)

FLOAT64 = DTYPES["float64"]
TILE = 1 << 16  # elements at a time
NODES = 1 << 12  # of the quadrature of moments


class TransformedUniform(Structured):
    """A monotone function of a uniform draw in float64."""

    is_cheap = False

    @property
    @abstractmethod
    def base(self) -> Uniform:
        """The uniform."""

    @abstractmethod
    def transform(self, draws: Numbers) -> Numbers:
        """The elements of draws."""

    @property
    def ends(self) -> tuple[float, float]:
        """The elements of the interval's ends."""
        first, last = self.transform(np.array([self.base.low, self.base.high])).tolist()
        return first, last

    def check_values(self, dtype: DType) -> None:
        """The elements of both ends must be finite."""
        check_bound(max(map(abs, self.ends)), dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """The moments of the function at evenly spaced draws."""
        return _moments(self)

    def magnitudes(self, shape: Shape) -> Magnitudes:
        """Bounded by the ends."""
        return Magnitudes(_moments(self)[1] ** 0.5, max(map(abs, self.ends)))

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Whether the interval is one number."""
        return self.base.low == self.base.high

    def nanoseconds(self, dtype: DType) -> float:
        """Those of a draw in float64 and of its functions, operation by operation in numpy."""
        return 60.0

    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """The functions of a range of draws, a tile at a time."""
        for start in range(0, out.size, TILE):
            check_cancelled()
            part = out[start : start + TILE]
            draws = np.empty(part.size)
            sampler.fill(self.base, FLOAT64, stream, first + start, draws)
            part[:] = encode(self.transform(draws), dtype)

    def gather(self, sampler: Sampler, dtype: DType, stream: Stream, indices: Indices, out: Storage) -> None:
        """The functions of a selection of draws, a tile at a time."""
        for start in range(0, out.size, TILE):
            check_cancelled()
            chosen = indices[start : start + TILE]
            draws = np.empty(chosen.size)
            sampler.gather(self.base, FLOAT64, stream, chosen, draws)
            out[start : start + TILE] = encode(self.transform(draws), dtype)


@dataclass(frozen=True)
class LogUniform(TransformedUniform):
    """A number whose logarithm is uniform: exp(U[log low, log high)), 0 < low."""

    low: float
    high: float

    @property
    def base(self) -> Uniform:
        """U[log low, log high)."""
        return Uniform(nearest_log(self.low), nearest_log(self.high))

    def transform(self, draws: Numbers) -> Numbers:
        """exp, within the interval."""
        return np.minimum(np.maximum(exp(draws), self.low), self.high)


@dataclass(frozen=True)
class LogOfUniform(TransformedUniform):
    """The logarithm of a uniform number: log(U[low, high)), 0 < low."""

    low: float
    high: float

    @property
    def base(self) -> Uniform:
        """U[low, high)."""
        return Uniform(self.low, self.high)

    def transform(self, draws: Numbers) -> Numbers:
        """log."""
        return log(draws)


@dataclass(frozen=True)
class InverseSoftplusLogUniform(TransformedUniform):
    """The number whose softplus is log-uniform on [low, high), and at least `floor`."""

    low: float
    high: float
    floor: float

    @property
    def base(self) -> Uniform:
        """U[log low, log high)."""
        return LogUniform(self.low, self.high).base

    def transform(self, draws: Numbers) -> Numbers:
        """The inverse softplus of the log-uniform number or the floor."""
        steps = LogUniform(self.low, self.high).transform(draws)
        return inverse_softplus(np.maximum(steps, self.floor))


@dataclass(frozen=True)
class RealGatedLru(TransformedUniform):
    """The number whose softplus is −log(a), for a² uniform on [low, high), 0 < low < high < 1."""

    low: float
    high: float

    @property
    def base(self) -> Uniform:
        """U[low, high) of the square."""
        return Uniform(self.low, self.high)

    def transform(self, draws: Numbers) -> Numbers:
        """The inverse softplus of −log(square)/2."""
        return inverse_softplus(log(draws) * -HALF)


def log(x: Numbers) -> Numbers:
    """log of positive, normal float64 numbers, by the operations of `transforms64.minus_two_log`."""
    bits = np.ascontiguousarray(x).view(np.int64) + ONE_MINUS_SQRT_HALF_BITS
    exponent = ((bits >> 52) - 1023).astype(np.float64)
    f: Numbers = ((bits & MANTISSA) + SQRT_HALF_BITS).view(np.float64) - ONE
    s = f / (f + TWO)
    z = s * s
    r = z * L7 + L6
    for coefficient in (L5, L4, L3, L2, L1, L0):
        r = r * z + coefficient
    r = r * z
    half_square = f * f * HALF
    value: Numbers = exponent * LN_2_HIGH - (
        (half_square - (s * (half_square + r) + exponent * LN_2_LOW)) - f
    )
    return value


def inverse_softplus(y: Numbers) -> Numbers:
    """The number whose softplus is y > 0: log(exp(y) − 1) = y + log(1 − exp(−y))."""
    return y + log(ONE - exp(-y))


@lru_cache(maxsize=1024)
def _moments(distribution: TransformedUniform) -> tuple[float, float]:
    """Mean and variance by the midpoint rule."""
    base = distribution.base
    nodes = base.low + (np.arange(NODES) + 0.5) / NODES * (base.high - base.low)
    values = distribution.transform(nodes)
    return float(values.mean()), float(values.var())
