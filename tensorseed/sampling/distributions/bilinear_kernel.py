"""Kernels of transposed convolutions that interpolate images bilinearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tensorseed.sampling.distributions.base import Elementwise, Indices, Numbers, Shape
from tensorseed.sampling.distributions.identity import Axis, among_zeros
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.philox import Stream


@dataclass(frozen=True)
class BilinearKernel(Elementwise):
    """tent(y)·tent(x) where both channels are one, else zero; tent(t) = 1 − |t − (size − 1)/2| / ⌈size/2⌉.

    Channels are counted modulo the smaller of `inputs` and `outputs`, which divides the larger.
    """

    inputs: Axis
    outputs: Axis
    rows: Axis
    columns: Axis

    @property
    def _channels(self) -> int:
        return min(self.inputs.size, self.outputs.size)

    def check_values(self, dtype: DType) -> None:
        """Every floating-point dtype holds numbers from zero to one."""

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the interpolating part, among zeros."""
        mean, square = 1.0, 1.0
        for size in (self.rows.size, self.columns.size):
            factor = (size + 1) // 2
            sum_of_squares = (2 * factor + 1 / factor) / 3 if size % 2 else (size - 1 / size) / 3
            mean *= factor / size
            square *= sum_of_squares / size
        return among_zeros((mean, square - mean * mean), 1.0 / self._channels)

    def magnitudes(self, shape: Shape) -> None:
        """Nothing is random."""

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """A slice of one channel alone has a layer's input or output of its own."""
        return False

    def nanoseconds(self, dtype: DType) -> float:
        """Those of divisions by numpy for four axes."""
        return 50.0

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The elements at `indices`."""
        channels = self._channels
        same = self.inputs.positions(indices) % channels == self.outputs.positions(indices) % channels
        inside = indices[same]
        values = np.zeros(indices.size)
        values[same] = _tent(self.rows, inside) * _tent(self.columns, inside)
        return values


def _tent(axis: Axis, indices: Indices) -> Numbers:
    """1 at the middle of the axis, falling by 1/⌈size/2⌉ a step to either side."""
    distance = np.abs(axis.positions(indices) - (axis.size - 1) / 2)
    tent: Numbers = 1.0 - distance / ((axis.size + 1) // 2)
    return tent
