"""Constants and tensors that the spec writes out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tensorseed.sampling.distributions.base import (
    Elementwise,
    Indices,
    Numbers,
    Sampler,
    Shape,
    Storage,
    Structured,
)
from tensorseed.sampling.dtypes import BOOL, INT64, DType, round_nearest
from tensorseed.sampling.low_precision import encode
from tensorseed.sampling.philox import Stream

MAX_EXACT_INTEGER = 1 << 53  # beyond, float64 skips some
MAX_COMPARED = 4_096  # elements of a written-out tensor that is searched for equal slices


@dataclass(frozen=True)
class Constant(Structured):
    """Every element is `value`."""

    value: float

    is_literal = True
    is_cheap = True

    @property
    def is_zero(self) -> bool:
        """Whether it is +0; the sign of −0 is a bit."""
        return self.value == 0.0 and math.copysign(1.0, self.value) > 0.0

    def check_values(self, dtype: DType) -> None:
        """The value must be finite in `dtype`."""
        check_literals((self.value,), dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """The value, and no variance."""
        return self.value, 0.0

    def magnitudes(self, shape: Shape) -> None:
        """Nothing is random."""

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Always."""
        return True

    def nanoseconds(self, dtype: DType) -> float:
        """Those of writing memory."""
        return 0.2

    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Set all elements, byte by byte where the element's bytes are all alike, as those of zero are."""
        element = encode(np.array([self.value]), dtype)
        octets = element.view(np.uint8)
        if (octets == octets[0]).all():
            out.view(np.uint8).fill(octets[0])
        else:
            out.fill(element[0])

    def gather(self, sampler: Sampler, dtype: DType, stream: Stream, indices: Indices, out: Storage) -> None:
        """Set all elements."""
        self.fill(sampler, dtype, stream, 0, out)


@dataclass(frozen=True)
class Values(Elementwise):
    """The elements are `data`, row-major."""

    data: tuple[float, ...]

    is_literal = True

    def check_values(self, dtype: DType) -> None:
        """Every number must be finite in `dtype`."""
        check_literals(self.data, dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """The moments of `data`."""
        return self._mean_and_variance

    @cached_property
    def _mean_and_variance(self) -> tuple[float, float]:
        count = len(self.data)
        mean = math.fsum(number / count for number in self.data)
        return mean, math.fsum((number - mean) * ((number - mean) / count) for number in self.data)

    def magnitudes(self, shape: Shape) -> None:
        """Nothing is random."""

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Whether the numbers along `axis` are equal; large tensors are not searched."""
        if len(self.data) > MAX_COMPARED:
            return False
        inner = math.prod(shape[axis + 1 :])
        size = shape[axis] * inner
        blocks = (self.data[start : start + size] for start in range(0, len(self.data), size))
        return all(block[:inner] * shape[axis] == block for block in blocks)

    def nanoseconds(self, dtype: DType) -> float:
        """Those of rounding a number."""
        return 10.0

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The numbers at `indices`."""
        return self._numbers[indices]

    @cached_property
    def _numbers(self) -> Numbers:
        return np.array(self.data, np.float64)


def check_literals(data: tuple[float, ...], dtype: DType) -> None:
    """Check that every number is finite in `dtype`: within ±2⁵³ and whole for int64, 0 or 1 for bool.

    Raises:
        ValueError: one is not.
    """
    if dtype is INT64:
        if not all(value.is_integer() and abs(value) <= MAX_EXACT_INTEGER for value in data):
            raise ValueError("an int64 tensor holds whole numbers from -2^53 to 2^53")
        return
    if dtype is BOOL:
        if not all(value in (0.0, 1.0) for value in data):
            raise ValueError("a bool tensor holds 0 and 1: write one of them")
        return
    farthest = max(data, key=abs, default=0.0)
    if math.isinf(round_nearest(farthest, dtype)):
        raise ValueError(f"{farthest!r} is beyond {dtype.name}'s largest value, {dtype.max!r}")
