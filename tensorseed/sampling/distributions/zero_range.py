"""Zeroed ranges of other distributions, such as padding rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tensorseed.sampling.distributions.base import (
    BaseDistribution,
    Distribution,
    Elements,
    Indices,
    Magnitudes,
    Preparation,
    Sampler,
    Shape,
    Storage,
    Structured,
)
from tensorseed.sampling.distributions.identity import among_zeros
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.philox import Stream


@dataclass(frozen=True)
class ZeroRange(Structured):
    """`base`, with the elements `start` to `stop` (exclusive) set to +0."""

    base: Distribution
    start: int
    stop: int

    @property
    def is_literal(self) -> bool:
        """As the base."""
        return self.base.is_literal

    @property
    def is_cheap(self) -> bool:
        """As the base."""
        return self.base.is_cheap

    def check_values(self, dtype: DType) -> None:
        """As the base."""
        self.base.check_values(dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the base, among zeros."""
        share = 1.0 - (self.stop - self.start) / math.prod(shape)
        return among_zeros(self.base.mean_and_variance(shape), share)

    def magnitudes(self, shape: Shape) -> Magnitudes | None:
        """Those of the base."""
        return self.base.magnitudes(shape)

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Unknown."""
        return False

    def pieces(self, shape: Shape) -> Iterator[tuple[BaseDistribution, Shape]]:
        """Those of the base."""
        return self.base.pieces(shape)

    def preparations(self, stream: Stream, elements: Elements) -> Iterator[Preparation]:
        """Those of the base."""
        return self.base.preparations(stream, elements)

    @property
    def preparation_seconds(self) -> float:
        """That of the base."""
        return self.base.preparation_seconds

    def preparing_seconds(self, elements: Elements, *, begins: bool, longest: float = math.inf) -> float:
        """Those of the base."""
        return self.base.preparing_seconds(elements, begins=begins, longest=longest)

    def nanoseconds(self, dtype: DType) -> float:
        """Those of the base."""
        return self.base.nanoseconds(dtype)

    def seconds(self, dtype: DType, elements: Elements) -> float:
        """Those of the base."""
        return self.base.seconds(dtype, elements)

    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """The base's range, then the zeros."""
        sampler.fill(self.base, dtype, stream, first, out)
        out[max(self.start - first, 0) : max(self.stop - first, 0)] = 0

    def gather(self, sampler: Sampler, dtype: DType, stream: Stream, indices: Indices, out: Storage) -> None:
        """The base's selection, then the zeros."""
        sampler.gather(self.base, dtype, stream, indices, out)
        out[(indices >= self.start) & (indices < self.stop)] = 0
