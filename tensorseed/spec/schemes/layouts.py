"""Layouts: the axes of a tensor by their use, as strides and sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tensorseed.sampling.distributions import Axis
from tensorseed.spec.schemes.fans import Axes

Side = tuple[Axis, ...]
"""Axes that are one axis together, the outermost first."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The axes of a tensor: those of each kernel, and `batch`, of which every index has its own kernel."""

    batch: Side
    outputs: Side
    inputs: Side
    spatial: Side
    outputs_first: bool  # of a kernel's axes with more than one index, the first is an output axis

    @classmethod
    def of(cls, shape: tuple[int, ...], axes: Axes) -> Layout:
        """The layout of a row-major tensor of `shape`; groups are a batch axis before the one they divide."""
        batch: list[Axis] = []
        outputs: list[Axis] = []
        inputs: list[Axis] = []
        spatial: list[Axis] = []
        outputs_first = None
        for axis, size in enumerate(shape):
            stride, is_output = math.prod(shape[axis + 1 :]), axis in axes.outputs
            if is_output and axes.groups > 1:
                size //= axes.groups
                batch.append(Axis(stride * size, axes.groups))
            one = Axis(stride, size)
            if axis in axes.batch:
                batch.append(one)
                continue
            (outputs if is_output else inputs if axis in axes.inputs else spatial).append(one)
            if outputs_first is None and size > 1:
                outputs_first = is_output
        return cls(tuple(batch), tuple(outputs), tuple(inputs), tuple(spatial), outputs_first is not False)

    @property
    def matrix(self) -> tuple[Side, Side]:
        """The rows and the columns of each kernel as a matrix: outputs and all else, the first axis a row.

        So a kernel whose outputs come first, and one whose outputs come last, are row-major matrices.
        """
        rest = outermost_first((*self.inputs, *self.spatial))
        return (self.outputs, rest) if self.outputs_first else (rest, self.outputs)


def outermost_first(axes: Side) -> Side:
    """The axes in the order of the tensor."""
    return tuple(sorted(axes, key=lambda axis: -axis.stride))


def size_of(side: Side) -> int:
    """The number of positions along the axes."""
    return math.prod(axis.size for axis in side)


def merged(side: Side) -> Side:
    """The same positions along as few axes as can be."""
    found: list[Axis] = []
    for axis in side:
        if axis.size == 1:
            continue
        if found and found[-1].stride == axis.stride * axis.size:
            axis = Axis(axis.stride, found.pop().size * axis.size)
        found.append(axis)
    return tuple(found)
