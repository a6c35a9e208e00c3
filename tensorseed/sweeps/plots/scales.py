"""Axis scales of a sweep: logarithmic or linear, and the edges of cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FAR = 30.0  # quotient of the ends of an axis, from which on it is logarithmic
DECADES = 100.0  # the same of the numbers that are shown


def is_logarithmic(values: Sequence[float]) -> bool:
    """Whether an axis is logarithmic: all its values are above 0, and far apart."""
    return min(values) > 0 and max(values) / min(values) >= FAR


def spans_decades(numbers: NDArray[np.float64]) -> bool:
    """Whether positive numbers are so far apart that their logarithms are to be shown."""
    return bool(numbers.min() > 0 and numbers.max() / numbers.min() >= DECADES)


def edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """The edges of cells around these centres, midway between two of them."""
    if is_logarithmic(list(centres)):
        return np.exp(edges_between(np.log(centres)))
    return edges_between(centres)


def edges_between(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """The midpoints of neighbours, and as far beyond the first and the last."""
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])
