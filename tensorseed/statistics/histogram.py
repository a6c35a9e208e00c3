"""Histogram of a tensor, beside its exact density and moments."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tensorseed.errors import TensorError
from tensorseed.files.elements import ElementSource
from tensorseed.sampling.distributions.base import Numbers
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.statistics.density import FLOAT64, Interval, density_of
from tensorseed.statistics.selection import Selection, select_evenly

BINS = 64
MAX_BINS = 1_024
MAX_MASSES = 64  # numbers of positive probability that are listed
DIGITS = 9  # of densities and of the sample's moments: what every machine computes alike
_SHRINK = 2.0**-4  # keeps differences of float64's largest numbers finite; exact but for subnormals
_LARGE = 2.0**1020
_MAX = FLOAT64.max * _SHRINK

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """The elements that a histogram counts, with their moments and extremes; None without finite ones.

    Attributes:
        count: Their number.
        of: The number of all elements of the tensor.
        run: How many are consecutive; the runs are spread evenly over the tensor.
        mean: Of the finite ones.
        std: Of the finite ones as a population.
        min: The least finite one.
        max: The greatest finite one.
        below: How many are below the first edge.
        above: How many are above the last edge.
        nonfinite: How many are infinite or NaN.
    """

    count: int
    of: int
    run: int
    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    below: int
    above: int
    nonfinite: int


@dataclass(frozen=True)
class PointMass:
    """A number that an element is with positive probability."""

    value: float
    mass: float


@dataclass(frozen=True)
class Histogram:
    """The histogram of a tensor, named as numpy names it, and the exact distribution of an element.

    Attributes:
        tensor: The tensor's name.
        dtype: torch's name of its dtype.
        shape: Its dimensions.
        counts: The number of elements in each bin, as `numpy.histogram` counts them.
        edges: The edges of the bins, one more than there are bins.
        density: The exact density at each edge, before rounding to the dtype and without the point masses;
            None where no formula is known. The expected count of a bin is about density · width · count.
        masses: The numbers of positive probability, the likeliest first, such as zeros; None where no
            formula is known.
        support: The interval outside of which the density is 0, None without a density. It may be infinite.
        mean: The exact mean, as in a plan; None where there is none.
        std: The exact standard deviation, as in a plan; None where there is none.
        sample: The elements that are counted.
    """

    tensor: str
    dtype: str
    shape: tuple[int, ...]
    counts: Counts
    edges: Numbers
    density: Numbers | None
    masses: tuple[PointMass, ...] | None
    support: Interval | None
    mean: float | None
    std: float | None
    sample: Sample


def histogram(
    tensor: ResolvedTensor,
    source: ElementSource,
    bins: int = BINS,
    interval: Interval | None = None,
    selection: Selection | None = None,
) -> Histogram:
    """Count the elements of a tensor, or of a selection, in `bins` equal bins.

    `interval` is that of all bins; by default it goes from the least element to the greatest, as in numpy.
    The last bin holds its upper edge, the others do not.

    Raises:
        TensorError: `bins` or `interval` is not valid.
        ComputationCancelledError: the computation of this thread is cancelled.
    """
    check_bins(bins)
    if interval is not None:
        check_interval(interval)
    chosen = select_evenly(tensor) if selection is None else selection
    numbers = chosen.read(tensor, source)
    finite = numbers[np.isfinite(numbers)]
    low, high = interval or ((float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))
    edges = _edges(low, high, bins)
    counts = _counts(finite, edges)
    below = int(np.count_nonzero(finite < edges[0]))
    above = int(np.count_nonzero(finite > edges[-1]))
    mean, std = _moments(finite)
    sample = Sample(
        count=numbers.size,
        of=tensor.numel,
        run=chosen.run,
        mean=mean,
        std=std,
        min=float(finite.min()) if finite.size else None,
        max=float(finite.max()) if finite.size else None,
        below=below,
        above=above,
        nonfinite=numbers.size - finite.size,
    )
    exact = density_of(tensor.distribution, tensor.shape)
    moments = tensor.distribution.moments(tensor.shape) or (None, None)
    masses = None
    if exact is not None:
        ranked = sorted(exact.masses.items(), key=lambda item: (-item[1], item[0]))[:MAX_MASSES]
        masses = tuple(PointMass(value, rounded(mass)) for value, mass in ranked)
    return Histogram(
        tensor=tensor.name,
        dtype=tensor.dtype.name,
        shape=tensor.shape,
        counts=counts,
        edges=edges,
        density=None if exact is None else np.array([rounded(x) for x in exact.at(edges).tolist()]),
        masses=masses,
        support=None if exact is None else exact.support,
        mean=moments[0],
        std=moments[1],
        sample=sample,
    )


def check_bins(bins: int) -> None:
    """Check the number of bins.

    Raises:
        TensorError: there are none or over `MAX_BINS`.
    """
    if not 1 <= bins <= MAX_BINS:
        raise TensorError(f"bins is a whole number from 1 to {MAX_BINS:,}, and not {bins:,}")


def check_interval(interval: Interval) -> None:
    """Check the interval that bins divide.

    Raises:
        TensorError: it is empty or not finite.
    """
    low, high = interval
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise TensorError(
            f"a range has a lower and a higher finite end, such as (-0.1, 0.1), and not {interval}"
        )


def rounded(value: float) -> float:
    """The number to `DIGITS` significant digits.

    >>> rounded(1 / 3)
    0.333333333
    """
    return float(f"{value:.{DIGITS - 1}e}")


def _edges(low: float, high: float, bins: int) -> Numbers:
    """Equally spaced edges; around one number, or numbers too near for so many, they are farther apart."""
    small = _between(low * _SHRINK, high * _SHRINK, bins)
    if not (np.diff(small) > 0.0).all():
        middle = low * _SHRINK / 2 + high * _SHRINK / 2
        half = max(0.5 * _SHRINK, abs(middle) / 2)
        small = _between(max(middle - half, -_MAX), min(middle + half, _MAX), bins)
        return small / _SHRINK
    edges = _between(low, high, bins) if max(abs(low), abs(high)) < _LARGE else small / _SHRINK
    edges[0], edges[-1] = low, high
    return edges


def _between(low: float, high: float, bins: int) -> Numbers:
    share: Numbers = np.arange(bins + 1) / bins
    edges: Numbers = low + (high - low) * share
    return edges


def _counts(numbers: Numbers, edges: Numbers) -> Counts:
    if not numbers.size:
        return np.zeros(edges.size - 1, np.int64)
    scale = 1.0 if max(abs(edges[0]), abs(edges[-1])) < _LARGE else _SHRINK
    low, high = float(edges[0]) * scale, float(edges[-1]) * scale
    counts, _ = np.histogram(numbers * scale, edges.size - 1, (low, high))
    return counts.astype(np.int64)


def _moments(numbers: Numbers) -> tuple[float | None, float | None]:
    """Mean and standard deviation, of numbers near 1 in size so that no square overflows."""
    if not numbers.size:
        return None, None
    largest = float(np.abs(numbers).max())
    scale = 2.0 ** (math.frexp(largest)[1] - 1) if largest > 0.0 else 1.0
    near = numbers / scale
    return rounded(float(near.mean()) * scale), rounded(float(near.std()) * scale)
