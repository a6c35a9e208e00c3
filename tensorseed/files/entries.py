"""Entries of a file: tensors and their bytes, as columns."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import NamedTuple, overload

import numpy as np

from tensorseed.concurrency.pieces import LongList, pieces
from tensorseed.files.slices import Box
from tensorseed.sampling.distributions.base import Elements, Indices
from tensorseed.spec.resolved import ResolvedTensor, TensorKind, Tensors


class Entry(NamedTuple):
    """A tensor and its bytes [start, stop) in the file; `box` is set if they are a slice of it."""

    tensor: ResolvedTensor
    start: int
    stop: int
    box: Box | None = None

    def elements(self, start: int, stop: int) -> Elements:
        """Return the tensor's elements that have a byte in [start, stop) of the file."""
        itemsize = self.tensor.dtype.itemsize
        first = (max(start, self.start) - self.start) // itemsize
        count = -(-(min(stop, self.stop) - self.start) // itemsize) - first
        if self.box is None:
            return Elements(first, count)
        at, last = self.box.element(first), self.box.element(first + max(count, 1) - 1)
        return Elements(at, count, -(-count // max(self.box.run, 1)), last + 1 - at)


class Entries(Sequence[Entry]):
    """The tensors of a file in its order, with where each starts and where the last one stops."""

    def __init__(self, tensors: Tensors, starts: Sequence[int], box: Box | None = None) -> None:
        self.tensors = tensors
        self._starts = starts
        self._box = box

    @classmethod
    def placed(cls, tensors: Tensors, offset: int, box: Box | None = None) -> Entries:
        """The tensors one after the other, from `offset` on."""
        sizes, starts = sizes_of(tensors.kinds), LongList([offset])
        for piece in pieces(tensors.numbers.tolist()):
            starts += accumulate(map(sizes.__getitem__, piece), initial=starts.pop())
        return cls(tensors, starts, box)

    def moved(self, offset: int) -> Entries:
        """The same behind a header that ends at `offset`."""
        return Entries.placed(self.tensors, offset, self._box)

    @property
    def stop(self) -> int:
        """The offset behind the last."""
        return self._starts[-1]

    @cached_property
    def places(self) -> tuple[Indices, Indices]:
        """The offset of each tensor, and the number of its elements."""
        offsets = np.array(self._starts, np.int64)
        widths = np.array([kind.dtype.itemsize for kind in self.tensors.kinds], np.int64)
        return offsets[:-1], np.diff(offsets) // widths[self.tensors.numbers]

    def at(self, offset: int) -> int:
        """The number of the last tensor that starts at the offset or before; 0 if none does."""
        return max(bisect_right(self._starts, offset, 0, len(self)) - 1, 0)

    def before(self, offset: int) -> int:
        """How many tensors start before the offset."""
        return bisect_left(self._starts, offset, 0, len(self))

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> Entries: ...

    def __getitem__(self, index: int | slice) -> Entry | Entries:
        if isinstance(index, slice):
            first, last, step = index.indices(len(self))
            assert step == 1
            last = max(first, last)
            if last - first == len(self):
                return self
            return Entries(self.tensors[first:last], self._starts[first : last + 1], self._box)
        number = range(len(self))[index]
        return Entry(self.tensors[number], self._starts[number], self._starts[number + 1], self._box)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entries):
            return NotImplemented
        mine, theirs = (self._starts, self._box, self.tensors), (other._starts, other._box, other.tensors)
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Entry]:
        starts, box = iter(self._starts), self._box
        start = next(starts)
        for tensor, stop in zip(self.tensors, starts, strict=True):
            yield Entry(tensor, start, stop, box)
            start = stop


def sizes_of(kinds: Sequence[TensorKind]) -> list[int]:
    """The bytes of a tensor of each kind."""
    return [prod(kind.shape) * kind.dtype.itemsize for kind in kinds]
