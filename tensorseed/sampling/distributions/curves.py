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
NODES = 1 << 14  # positions whose moments are exact; of more they are approximated
MIN_NODES = 64  # of each of many rates
MAX_STEEPNESS = 0.1  # of a power at its end, from one position to the next
MAX_POWER = 700.0  # of e: that and its inverse are normal float64 numbers

Distance = Literal["past", "future", "between"]


class Curve(Elementwise):
    """A function of an element's position, where nothing is drawn."""

    @abstractmethod
    def curve(self, indices: Indices) -> Numbers:
        """The elements at up to TILE row-major `indices`, in float64."""

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
    """exp(−rate·distance) in a tensor (…, heads, rows, columns), whose heads have a rate each.

    The distance is row + 1 to the past, rows − 1 − row to the future, or row − column between the two, where
    elements above the diagonal are zero. Rates are per position, and at least 0.
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
        """Matrices are alike of equal rates, columns where they are no distance, and rows without decay."""
        if axis >= len(shape) - 2:
            return self.distance != "between" and (axis == len(shape) - 1 or not any(self.rates))
        return axis < len(shape) - 3 or len({*self.rates}) == 1

    def curve(self, indices: Indices) -> Numbers:
        """exp(−min(rate·distance, MAX_POWER)), and 0 above the diagonal between."""
        matrix, inside = np.divmod(indices, self.rows * self.columns)
        row, column = np.divmod(inside, self.columns)
        steps = {"past": row + 1, "future": self.rows - 1 - row, "between": row - column}[self.distance]
        rates = np.array(self.rates)[matrix % len(self.rates)]
        values = exp(-np.minimum(rates * np.maximum(steps, 0).astype(np.float64), MAX_POWER))
        return np.where(steps < 0, 0.0, values)


@dataclass(frozen=True)
class Power(Curve):
    """From `first` to `last` along the last axis: first + (last − first)·(i/(size − 1))^exponent, i < size.

    Both ends are exact, whatever the power rounds to. A row of one element has `first`.
    """

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
        """first + (last − first)·exp(exponent·log(i/(size − 1))), i = index mod size, and both ends."""
        position, last = indices % self.size, self.size - 1
        share = np.maximum(position, 1).astype(np.float64) / np.float64(max(last, 1))
        power = exp(np.maximum(self.exponent * log(share), -MAX_POWER))
        values = self.first + (self.last - self.first) * power
        return np.where(position == 0, self.first, np.where(position == last, self.last, values))


@lru_cache(maxsize=1024)
def _moments_of_decay(decay: Decay) -> tuple[float, float]:
    rates = np.array(decay.rates)
    mean, square = (float(_means_of_decay(decay, k * rates).mean()) for k in (1, 2))
    return mean, max(square - mean * mean, 0.0)


def _means_of_decay(decay: Decay, rates: Numbers) -> Numbers:
    """Means of the matrices of rates. Of many rows those that fall are geometric sums, others are sampled."""
    nodes = max(MIN_NODES, NODES * MIN_NODES // rates.size)
    means = np.empty(rates.size)
    falls = (rates * decay.rows >= 1.0) & (decay.rows > nodes)
    means[falls] = _geometric_means(decay, rates[falls])
    distances = _nodes(decay.rows, nodes).astype(np.float64)
    weights = np.ones(distances.size)
    if decay.distance == "past":
        distances += 1.0
    elif decay.distance == "between":  # how many elements of a row have the distance, on the average
        weights = np.clip(decay.rows - distances, 0, decay.columns) / decay.columns
    powers = np.minimum(rates[~falls, None] * distances, MAX_POWER)
    means[~falls] = (np.exp(-powers) * weights).mean(axis=1)
    return means


def _geometric_means(decay: Decay, rates: Numbers) -> Numbers:
    """Means of exp(−rate·distance): sums of a geometric series, and of these along the columns."""
    rows, complement = decay.rows, -np.expm1(-rates)
    if decay.distance == "between":
        count = min(rows, decay.columns)
        beyond = np.exp(-rates * (rows - count + 1)) * -np.expm1(-rates * count) / complement
        return (count - beyond) / complement / (rows * decay.columns)
    first = np.exp(-rates) if decay.distance == "past" else 1.0
    return first * -np.expm1(-rates * rows) / complement / rows


def _nodes(count: int, limit: int) -> Indices:
    """Positions from 0 to count − 1, each in the middle of one of at most `limit` equal parts."""
    parts = min(count, limit)
    return (np.arange(parts) * 2 + 1) * count // (2 * parts)


@lru_cache(maxsize=1024)
def _moments_of_power(power: Power) -> tuple[float, float]:
    mean, square = (_mean_of_power(power.size, k * power.exponent) for k in (1, 2))
    span = power.last - power.first
    return power.first + span * mean, span * span * max(square - mean * mean, 0.0)


def _mean_of_power(size: int, exponent: float) -> float:
    """Mean of (i/(size − 1))^exponent, 0 for i = 0.

    Of many positions the first are summed, the others by the formula of Euler and Maclaurin. Where the power
    is too steep for that, all but the last are 0.
    """
    last = size - 1
    if size <= NODES or exponent > MAX_STEEPNESS * last:
        shares = np.arange(max(size - NODES, 1), size) / max(last, 1)
        return float((shares**exponent).sum()) / size
    total = float(((np.arange(1, NODES) / last) ** exponent).sum())
    start = NODES / last
    power = float(start**exponent)
    total += last * (1.0 - start * power) / (exponent + 1.0) + (1.0 + power) / 2.0
    total += exponent / (12.0 * last) * (1.0 - power / start)
    return total / size
