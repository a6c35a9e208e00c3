"""Identity and triangular matrices, and kernels with one at the centre."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tensorseed.sampling.distributions.base import (
    Elements,
    Elementwise,
    Indices,
    Magnitudes,
    Numbers,
    Preparation,
    Shape,
)
from tensorseed.sampling.distributions.literals import check_literals
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.philox import Stream


@dataclass(frozen=True)
class _Ones(Elementwise):
    """One number, `gain`, at known positions, zeros elsewhere."""

    columns: int
    gain: float = field(default=1.0, kw_only=True)

    def nanoseconds(self, dtype: DType) -> float:
        """Those of a division by numpy, and of rounding."""
        return 14.0

    def check_values(self, dtype: DType) -> None:
        """The gain must be finite in `dtype`."""
        check_literals((self.gain,), dtype)

    def magnitudes(self, shape: Shape) -> None:
        """Nothing is random."""

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """No two slices have their number at the same position."""
        return self.gain == 0.0


@dataclass(frozen=True)
class Eye(_Ones):
    """`gain` where row equals column, else zero: a matrix (rows, columns)."""

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the diagonal's share."""
        rows = math.prod(shape) // self.columns
        return among_zeros((self.gain, 0.0), min(rows, self.columns) / (rows * self.columns))

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The elements at `indices`."""
        return np.where(indices // self.columns == indices % self.columns, self.gain, 0.0)


@dataclass(frozen=True)
class Dirac(_Ones):
    """`gain` where the output, counted within its group, equals the input: a matrix (outputs, inputs)."""

    group: int  # outputs in a group

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the diagonals' share."""
        return among_zeros((self.gain, 0.0), min(self.columns, self.group) / (self.columns * self.group))

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The elements at `indices`."""
        output, column = np.divmod(indices, self.columns)
        return np.where(output % self.group == column, self.gain, 0.0)


@dataclass(frozen=True)
class Tril(Elementwise):
    """Ones where column ≤ row + diagonal, else zeros: matrices (rows, columns), one after the other."""

    rows: int
    columns: int
    diagonal: int = 0

    is_literal = True

    def nanoseconds(self, dtype: DType) -> float:
        """Those of two divisions by numpy, and of rounding."""
        return 20.0

    def check_values(self, dtype: DType) -> None:
        """Every dtype has 0 and 1."""

    def magnitudes(self, shape: Shape) -> None:
        """Nothing is random."""

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """All matrices are alike."""
        return axis < len(shape) - 2

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the triangle's share."""
        first = min(max(-self.diagonal, 0), self.rows)  # the row of the first one
        full = min(max(self.columns - self.diagonal, first), self.rows)  # from there on there are only ones
        triangle = (full - first) * (first + full + 2 * self.diagonal + 1) // 2
        ones = triangle + (self.rows - full) * self.columns
        return among_zeros((1.0, 0.0), ones / (self.rows * self.columns))

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The elements at `indices`."""
        row, column = np.divmod(indices, self.columns)
        return np.where(column - row % self.rows <= self.diagonal, 1.0, 0.0)


@dataclass(frozen=True)
class Axis:
    """An axis of a row-major tensor: an element's position on it is `index // stride % size`."""

    stride: int
    size: int

    def positions(self, indices: Indices) -> Indices:
        """The positions of the elements at `indices`."""
        return indices // self.stride % self.size


def place(axes: tuple[Axis, ...], indices: Indices) -> Indices:
    """The positions of the elements at `indices` along some axes together, row-major."""
    positions = np.zeros_like(indices)
    for axis in axes:
        positions = positions * axis.size + axis.positions(indices)
    return positions


@dataclass(frozen=True)
class KernelCentre(Elementwise):
    """A convolution kernel: the matrices of `base` at its spatial centre, zero elsewhere.

    `axes` are those of the row-major `base`, in its order. Without `spatial` ones it is `base` in another
    order of axes.
    """

    base: Elementwise
    axes: tuple[Axis, ...]
    spatial: tuple[Axis, ...] = ()
    middle: tuple[int, ...] = ()  # the centre's position on each spatial axis

    @property
    def _size(self) -> Shape:
        return (math.prod(axis.size for axis in self.axes),)

    def check_values(self, dtype: DType) -> None:
        """As the matrix."""
        self.base.check_values(dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the matrix, among zeros."""
        share = 1.0 / math.prod(axis.size for axis in self.spatial)
        return among_zeros(self.base.mean_and_variance(self._size), share)

    def magnitudes(self, shape: Shape) -> Magnitudes | None:
        """Those of the matrix."""
        return self.base.magnitudes(self._size)

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """As the rows of the matrix."""
        return self.base.has_equal_slices(self._size, 0)

    def preparations(self, stream: Stream, elements: Elements) -> Iterator[Preparation]:
        """Those of the matrices."""
        return self.base.preparations(stream, self._inside(elements))

    @property
    def preparation_seconds(self) -> float:
        """That of the matrix."""
        return self.base.preparation_seconds

    def preparing_seconds(self, elements: Elements, *, begins: bool, longest: float = math.inf) -> float:
        """Those of the matrices."""
        return self.base.preparing_seconds(self._inside(elements), begins=begins, longest=longest)

    def nanoseconds(self, dtype: DType) -> float:
        """Those of finding the centre and the place in the matrix, axis by axis."""
        return 10.0 + 10.0 * (len(self.spatial) or len(self.axes))

    def seconds(self, dtype: DType, elements: Elements) -> float:
        """Those of the matrix's elements among them, and of finding these."""
        return super().seconds(dtype, elements) + self.base.seconds(dtype, self._inside(elements))

    def _inside(self, elements: Elements) -> Elements:
        """About those of the matrix's elements that are among `elements`.

        Where the axes are not in order, any element can be anywhere.
        """
        share = math.prod(axis.size for axis in self.spatial)
        count = -(-elements.count // share)
        if any(outer.stride < inner.stride for outer, inner in pairwise(self.axes)):
            return Elements(0, count, count, self._size[0])
        return Elements(elements.first // share, count, elements.runs, -(-elements.span // share))

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The elements at `indices`."""
        at_centre = np.ones(indices.size, bool)
        for axis, middle in zip(self.spatial, self.middle, strict=True):
            at_centre &= axis.positions(indices) == middle
        inside = indices[at_centre]
        values = np.zeros(indices.size)
        if inside.size:
            values[at_centre] = self.base.elements(stream, place(self.axes, inside))
        return values


def among_zeros(moments: tuple[float, float], share: float) -> tuple[float, float]:
    """(mean, variance) of a tensor of which `share` has the given (mean, variance) and the rest is zero."""
    mean, variance = moments
    return share * mean, share * (variance + (1.0 - share) * mean * mean)
