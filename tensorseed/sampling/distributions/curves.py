"""Decays of heads, and powers of a position, in float64.

Section 17 of `docs/stream-v1.md` lists every operation; `exp` and `log` are those of its sections 11 and 14.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.sampling.distributions.base import Elementwise, Indices, Numbers, Shape, check_bound
from tensorseed.sampling.distributions.sinusoidal import exp
from tensorseed.sampling.distributions.transformed import log
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.philox import Stream

TILE = 1 << 16  # elements at a time
NODES = 1 << 14  # positions of which moments are computed; of more they are sampled
MAX_POWER = 700.0  # of e: that and its inverse are normal float64 numbers

Distance = Literal["past", "future", "between"]


class Curve(Elementwise):
    """A function of an element's position, where nothing is drawn."""

    @abstractmethod
    def curve(self, indices: Indices) -> Numbers:
        """The elements at a tile of indices."""

    def magnitudes(self, shape: Shape) -> None:
        """Nothing is random."""

    def nanoseconds(self, dtype: DType) -> float:
        """Those of an exponential and of a position, operation by operation in numpy."""
        return 50.0

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The elements at `indices`."""
        out = np.empty(indices.size)
        for start in range(0, indices.size, TILE):
            check_cancelled()
            out[start : start + TILE] = self.curve(indices[start : start + TILE])
        return out


@dataclass(frozen=True)
class Decay(Curve):
    """exp(−rate·distance) in matrices (rows, columns), one for each rate, again and again.

    The distance is row + 1 to the past, rows − 1 − row to the future, or row − column between the two, where
    elements above the diagonal are zero.
    """

    rates: tuple[float, ...]
    rows: int
    columns: int
    distance: Distance

    def check_values(self, dtype: DType) -> None:
        """Every floating-point dtype holds numbers from zero to one."""

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """The moments over rates and distances."""
        return _moments_of_decay(self)

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Matrices are alike of equal rates, and columns where they are no distance."""
        if axis >= len(shape) - 2:
            return axis == len(shape) - 1 and self.distance != "between"
        return axis < len(shape) - 3 or len({*self.rates}) == 1

    def curve(self, indices: Indices) -> Numbers:
        """The elements at a tile of indices."""
        matrix, inside = np.divmod(indices, self.rows * self.columns)
        row, column = np.divmod(inside, self.columns)
        steps = {"past": row + 1, "future": self.rows - 1 - row, "between": row - column}[self.distance]
        rates = np.array(self.rates)[matrix % len(self.rates)]
        values = exp(-np.minimum(rates * np.maximum(steps, 0).astype(np.float64), MAX_POWER))
        return np.where(steps < 0, 0.0, values)


@dataclass(frozen=True)
class Power(Curve):
    """From `first` to `last` along rows of `size`: first + (last − first)·(i/(size − 1))^exponent."""

    size: int
    first: float
    last: float
    exponent: float

    def check_values(self, dtype: DType) -> None:
        """Both ends must be finite, which bound all elements."""
        check_bound(max(abs(self.first), abs(self.last)), dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """The moments over positions."""
        return _moments_of_power(self)

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """All rows are alike; positions are where both ends are."""
        return axis < len(shape) - 1 or self.first == self.last

    def curve(self, indices: Indices) -> Numbers:
        """The elements at a tile of indices."""
        position, last = indices % self.size, self.size - 1
        share = np.maximum(position, 1).astype(np.float64) / np.float64(max(last, 1))
        power = exp(np.maximum(self.exponent * log(share), -MAX_POWER))
        values = self.first + (self.last - self.first) * power
        return np.where(position == 0, self.first, np.where(position == last, self.last, values))


def _nodes(count: int, most: int) -> Indices:
    """Positions from 0 to count − 1, at most `most` of them, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


@lru_cache(maxsize=1024)
def _moments_of_decay(decay: Decay) -> tuple[float, float]:
    distances = _nodes(decay.rows, max(64, NODES * 64 // len(decay.rates))).astype(np.float64)
    weights = np.ones(distances.size)
    if decay.distance == "past":
        distances += 1.0
    elif decay.distance == "between":  # how many elements of a row have the distance, on the average
        weights = np.clip(decay.rows - distances, 0, decay.columns) / decay.columns
    powers = np.minimum(np.array(decay.rates)[:, None] * distances, MAX_POWER)
    mean, square = (float((np.exp(-k * powers) * weights).mean()) for k in (1, 2))
    return mean, max(square - mean * mean, 0.0)


@lru_cache(maxsize=1024)
def _moments_of_power(power: Power) -> tuple[float, float]:
    values = power.curve(_nodes(power.size, NODES))
    return float(values.mean()), float(values.var())
