"""Stacks of independent matrices, each with a key of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.sampling.distributions.base import (
    Elements,
    Elementwise,
    Indices,
    Magnitudes,
    Numbers,
    Preparation,
    Sampler,
    Shape,
    Storage,
)
from tensorseed.sampling.distributions.orthogonal import Orthogonal
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.philox import Stream


@dataclass(frozen=True)
class Stack(Elementwise):
    """`count` draws of a matrix, one after the other, of shape (count, rows, columns)."""

    base: Orthogonal
    count: int

    @property
    def _size(self) -> int:
        """Elements of a matrix."""
        return self.base.rows * self.base.columns

    @property
    def _matrix(self) -> Shape:
        return self.base.rows, self.base.columns

    def check_values(self, dtype: DType) -> None:
        """As the matrix."""
        self.base.check_values(dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the matrix."""
        return self.base.mean_and_variance(self._matrix)

    def magnitudes(self, shape: Shape) -> Magnitudes:
        """Those of the matrix."""
        return self.base.magnitudes(self._matrix)

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """As the matrix."""
        return self.base.has_equal_slices(self._matrix, 0)

    def preparations(self, stream: Stream, elements: Elements) -> Iterator[Preparation]:
        """Those of the matrices from the first element's to the last one's."""
        for number in range(elements.first // self._size, self._stop(elements)):
            yield from self.base.preparations(stream.part(number), elements)

    @property
    def preparation_seconds(self) -> float:
        """That of a matrix."""
        return self.base.preparation_seconds

    def preparing_seconds(self, elements: Elements, *, begins: bool, longest: float = math.inf) -> float:
        """Those of the matrices that begin behind the first element, and of its own where it `begins`."""
        begun = self._stop(elements) - elements.first // self._size - 1
        own = self.base.preparing_seconds(elements, begins=True, longest=longest)
        return own * (begun + (begins or elements.first % self._size == 0))

    def _stop(self, elements: Elements) -> int:
        """The number behind that of the last element's matrix."""
        return min(-(-elements.stop // self._size), self.count)

    def nanoseconds(self, dtype: DType) -> float:
        """Those of the matrix."""
        return self.base.nanoseconds(dtype)

    def seconds(self, dtype: DType, elements: Elements) -> float:
        """Those of the elements of one matrix after the other."""
        touched = max(self._stop(elements) - elements.first // self._size, 1)
        count, runs = -(-elements.count // touched), -(-elements.runs // touched)
        first = elements.first % self._size if touched == 1 else 0
        return touched * self.base.seconds(dtype, Elements(first, count, runs))

    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Fill from one matrix after the other."""
        done = 0
        while done < out.size:
            check_cancelled()
            number, at = divmod(first + done, self._size)
            part = out[done : done + self._size - at]
            self.base.fill(sampler, dtype, stream.part(number), at, part)
            done += part.size

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The elements at `indices`, those of a matrix together."""
        values = np.empty(indices.size)
        numbers, positions = np.divmod(indices, self._size)
        order = np.argsort(numbers, kind="stable")
        chosen, starts = np.unique(numbers[order], return_index=True)
        bounds = np.append(starts, indices.size)
        for number, start, stop in zip(chosen.tolist(), bounds, bounds[1:], strict=False):
            check_cancelled()
            own = order[start:stop]
            values[own] = self.base.elements(stream.part(number), positions[own])
        return values
