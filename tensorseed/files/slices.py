"""Slices of a tensor as boxes: `0:128,:`, numpy's notation."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from tensorseed.errors import SliceError

_PART = re.compile(r"(-?[0-9]{1,20})?:(-?[0-9]{1,20})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Box:
    """The elements with `starts[d] ≤ index[d] < starts[d] + shape[d]` of a row-major tensor `full`."""

    full: tuple[int, ...]
    starts: tuple[int, ...]
    shape: tuple[int, ...]

    @classmethod
    def whole(cls, shape: tuple[int, ...]) -> Self:
        """The box of all elements of a tensor of `shape`."""
        return cls(shape, (0,) * len(shape), shape)

    def __str__(self) -> str:
        """The canonical text: every bound written out."""
        return ",".join(f"{a}:{a + n}" for a, n in zip(self.starts, self.shape, strict=True))

    @property
    def run(self) -> int:
        """The length of the box's contiguous runs, in elements."""
        run = 1
        for n, whole in zip(reversed(self.shape), reversed(self.full), strict=True):
            run *= n
            if n != whole:
                break
        return run

    def ranges(self) -> list[range]:
        """Return the indices in each dimension."""
        return [range(start, start + n) for start, n in zip(self.starts, self.shape, strict=True)]

    def elements(self, first: int, count: int, step: int = 1) -> npt.NDArray[np.int64]:
        """Return the tensor's positions of the box's row-major elements `first`, `first + step`, …."""
        dims = [*zip(self.starts, self.shape, self.full, strict=True)]
        flat, stride = np.zeros(count, np.int64), 1
        while count and dims and not (first % dims[-1][1] or step % dims[-1][1]):  # index 0 in each
            start, n, whole = dims.pop()
            flat += start * stride
            first, step, stride = first // n, step // n, stride * whole
        rest = np.arange(first, first + count * step, step, dtype=np.int64)
        while len(dims) > 1:
            start, n, whole = dims.pop()
            outer = rest // n  # a divmod takes thrice as long
            flat += (rest - outer * n + start) * stride
            rest, stride = outer, stride * whole
        for start, _, _ in dims:
            flat += (rest + start) * stride
        return flat

    def run_starts(self, first: int, count: int) -> range | npt.NDArray[np.int64]:
        """Return where consecutive runs begin in the tensor, from that of the box's element `first` on."""
        run, distance = self.run, 1  # to the next run, where no dimension ends
        for n, whole in zip(reversed(self.shape), reversed(self.full), strict=True):
            distance *= whole
            if n != whole:
                break
        start, last = self.element(first), self.element(first + (count - 1) * run)
        if last - start == (count - 1) * distance:  # as no two runs are closer
            return range(start, start + count * distance, distance)
        return self.elements(first, count, run)

    def element(self, position: int) -> int:
        """Return the tensor's position of the box's row-major element `position`."""
        flat, stride = 0, 1
        for start, n, whole in zip(*map(reversed, (self.starts, self.shape, self.full)), strict=True):
            position, index = divmod(position, n)
            flat += (index + start) * stride
            stride *= whole
        return flat


def parse_slice(text: str, shape: tuple[int, ...]) -> Box:
    """Parse a slice of a tensor of `shape`: `start:stop` for each dimension, separated by commas.

    Either bound may be missing, or negative, which counts from the end.
    Missing dimensions at the end are whole.

    Raises:
        SliceError: the slice is malformed or does not fit the shape.
    """
    parts = text.split(",") if text else []
    if len(parts) > len(shape):
        raise SliceError(f"the slice has {len(parts)} dimensions and the tensor has {len(shape)}")
    starts, sizes = [], []
    for dimension, size in enumerate(shape):
        start, stop = _bounds(parts[dimension], dimension, size) if dimension < len(parts) else (0, size)
        starts.append(start)
        sizes.append(stop - start)
    return Box(shape, tuple(starts), tuple(sizes))


def _bounds(part: str, dimension: int, size: int) -> tuple[int, int]:
    match = _PART.fullmatch(part)
    if match is None:
        raise SliceError(f"dimension {dimension} of the slice must be start:stop, such as 0:16 or :")
    start, stop = int(match[1] or 0), int(match[2] or size)
    start, stop = start + size * (start < 0), stop + size * (stop < 0)
    if not 0 <= start <= stop <= size:
        raise SliceError(f"{part} does not fit dimension {dimension}, which has {size} elements")
    return start, stop


def is_contiguous(box: Box) -> bool:
    """Return whether the box is one contiguous run of the tensor."""
    return box.run == math.prod(box.shape)
