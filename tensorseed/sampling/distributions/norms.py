"""Norms of another tensor's slices, for weight normalisation.

Section 16 of `docs/stream-v1.md` defines the order of every sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

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
)
from tensorseed.sampling.distributions.draws import EXPECTED_DEVIATIONS, Normal, Uniform
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.low_precision import decode, encode
from tensorseed.sampling.philox import Stream

BLOCK = 1_024  # terms whose sum is a tree
MAX_TERMS = 1 << 20  # of a norm
LANES = 256  # norms that are computed at a time


@dataclass(frozen=True)
class WeightNorm(Structured):
    """The norms of the slices along one axis of a tensor (outer, size, inner), drawn from `base`.

    That tensor's stream is the one of the same name but for its last component, which is `of`.
    """

    base: Uniform | Normal
    of: str
    outer: int
    size: int
    inner: int

    is_cheap = False

    @property
    def terms(self) -> int:
        """The elements of a slice."""
        return self.outer * self.inner

    def check_values(self, dtype: DType) -> None:
        """As the tensor; the largest norm must be finite too.

        Raises:
            ValueError: they overflow.
        """
        self.base.check_values(dtype)
        root = math.sqrt(self.terms)
        if isinstance(self.base, Uniform):
            Uniform(self.base.low * root, self.base.high * root).check_values(dtype)
        else:
            Normal(self.base.mean * root, self.base.std * root).check_values(dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the root of a sum of squares, to second order in 1/terms."""
        second, fourth = _even_moments(self.base)
        mean, variance = self.terms * second, self.terms * max(fourth - second * second, 0.0)
        if mean == 0.0:
            return 0.0, 0.0
        about = math.sqrt(mean) * (1.0 - variance / (8.0 * mean * mean))
        return about, max(mean - about * about, 0.0)

    def magnitudes(self, shape: Shape) -> Magnitudes:
        """Six deviations beyond the mean."""
        mean, variance = self.mean_and_variance(shape)
        std = math.sqrt(variance)
        return Magnitudes(std, mean + EXPECTED_DEVIATIONS * std)

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Whether there is nothing random in the tensor."""
        return self.base.has_equal_slices(shape, axis)

    def nanoseconds(self, dtype: DType) -> float:
        """Those of a slice: its draws, their decoding and their sum."""
        return self.terms * (self.base.nanoseconds(dtype) + 12.0)

    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Compute and round a range."""
        self.gather(sampler, dtype, stream, np.arange(first, first + out.size, dtype=np.int64), out)

    def gather(self, sampler: Sampler, dtype: DType, stream: Stream, indices: Indices, out: Storage) -> None:
        """Compute and round a selection."""
        before, dot, _ = stream.name.rpartition(".")
        sibling = stream._replace(name=f"{before}{dot}{self.of}")
        for start in range(0, indices.size, LANES):
            chosen = indices[start : start + LANES]
            total: Numbers = np.zeros(chosen.size)
            for block in self._blocks(sampler, dtype, sibling, chosen):
                check_cancelled()
                numbers = decode(block, dtype)
                total = total + tree_sum(numbers * numbers)
            out[start : start + LANES] = encode(np.sqrt(total), dtype)

    def _blocks(self, sampler: Sampler, dtype: DType, stream: Stream, chosen: Indices) -> Iterator[Storage]:
        """The elements of slices, (terms, slices), a block of terms at a time."""
        consecutive = chosen.size == self.size and bool((np.diff(chosen) == 1).all())
        for start in range(0, self.terms, BLOCK):
            count = min(BLOCK, self.terms - start)
            block = np.empty((count, chosen.size), dtype.storage)
            if self.outer == 1:
                rows = np.empty((chosen.size, count), dtype.storage)
                sampler.fill_runs(self.base, dtype, stream, chosen * self.inner + start, rows)
                block[:] = rows.T
            elif self.inner == 1 and consecutive:
                sampler.fill(self.base, dtype, stream, start * self.size, block.reshape(-1))
            else:
                outer, inner = np.divmod(np.arange(start, start + count), self.inner)
                places = (outer[:, None] * self.size + chosen) * self.inner + inner[:, None]
                sampler.gather(self.base, dtype, stream, places.reshape(-1), block.reshape(-1))
            yield block


def tree_sum(terms: Numbers) -> Numbers:
    """The sums along the first axis: zeros up to a power of two, then halves added until one is left."""
    count = 1 << max(terms.shape[0] - 1, 0).bit_length()
    whole = np.zeros((count, *terms.shape[1:]))
    whole[: terms.shape[0]] = terms
    while count > 1:
        count //= 2
        whole = whole[:count] + whole[count:]
    total: Numbers = whole[0]
    return total


def _even_moments(base: Uniform | Normal) -> tuple[float, float]:
    """E[x²] and E[x⁴]."""
    if isinstance(base, Normal):
        mean, variance = base.mean**2, base.std**2
        return mean + variance, mean * mean + 6 * mean * variance + 3 * variance * variance
    low, high = base.low, base.high
    second = (low * low + low * high + high * high) / 3
    fourth = (low**4 + low**3 * high + low**2 * high**2 + low * high**3 + high**4) / 5
    return second, fourth
