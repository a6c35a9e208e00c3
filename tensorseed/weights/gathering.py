"""Indexing with arrays by numpy's rules: points and their blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.files.indexing import chosen_range, index_parts, is_basic, scaled
from tensorseed.sampling.distributions.base import Indices, Storage

MIN_UNREAD = 1 << 14  # elements between two points: fewer are cheaper read than left out


class Block(NamedTuple):
    """A product of ranges, one for each dimension, and the index of points `within` it.

    `places` are those of the points among all.
    """

    ranges: list[range]
    within: tuple[Any, ...]
    places: Indices


class Groups(NamedTuple):
    """Points in the `order` of their elements: group i has `counts[i]` from `starts[i]` on.

    From `lows` to `highs` are its positions in the dimension of each array. `sizes` are those of the blocks.
    """

    order: Indices
    starts: Indices
    counts: Indices
    lows: list[Indices]
    highs: list[Indices]
    sizes: npt.NDArray[np.float64]


class Gathering:
    """What an index with arrays selects: points, each with all that the other parts of the index select.

    The points are the elements of the arrays, which broadcast. `shape` is that of the result, and `inner` the
    number of elements of a point.
    """

    def __init__(self, index: Any, shape: tuple[int, ...]) -> None:
        """`index` fits a tensor of `shape`, and has an array."""
        parts = _integers(index)
        rest = len(shape) - sum(map(_is_dimension, parts))
        if not any(part is ... for part in parts):
            parts.append(...)
        strides = [max(1, math.prod(shape[axis + 1 :])) for axis in range(len(shape))]
        self._ranges: list[range] = []
        self._within: list[Any] = []  # the index of the ranges' product
        self._arrays: list[tuple[int, int]] = []  # the dimension of each array, and its place in the index
        self._fixed = 0  # the position of the first element that arrays and integers can select
        kept: list[tuple[int, range]] = []  # the other dimensions of the result, as `offsets` has them
        at: list[Indices] = []
        for place, part in enumerate(parts):
            axis = len(self._ranges)
            self._within.append(slice(None) if isinstance(part, slice) else part)
            if part is None:
                kept.append((place, range(1)))
            elif part is ...:
                self._ranges += map(range, shape[axis : axis + rest])
                kept += ((place, scaled(range(shape[i]), strides[i])) for i in range(axis, axis + rest))
            elif isinstance(part, slice):
                self._ranges.append(chosen_range(part, shape[axis]))
                kept.append((place, scaled(self._ranges[axis], strides[axis])))
            elif is_basic(part):
                self._ranges.append(chosen_range(part, shape[axis]))
                self._within[place] = 0
                self._fixed += self._ranges[axis].start * strides[axis]
            elif _is_dimension(part):
                positions = np.where(part < 0, part + shape[axis], part).astype(np.int64)
                low, high = (int(positions.min()), int(positions.max()) + 1) if part.size else (0, 0)
                self._arrays.append((axis, place))
                self._ranges.append(range(low, high))
                self._fixed += low * strides[axis]
                at.append(positions - low)
        lone = [(int(part),) for part in parts if isinstance(part, np.ndarray) and not _is_dimension(part)]
        points = np.broadcast_shapes(*(one.shape for one in at), *lone)
        self._at = [np.broadcast_to(one, points).reshape(-1) for one in at]
        self._strides = [strides[axis] for axis, _ in self._arrays]
        self._rows = [math.prod(map(len, self._ranges[axis + 1 :])) for axis, _ in self._arrays]
        first = self._first_place()
        self._before = [offset for place, offset in kept if place < first]
        self._after = [offset for place, offset in kept if place >= first]
        self.points = math.prod(points)
        self.shape = (*map(len, self._before), *points, *map(len, self._after))
        self.inner = math.prod(map(len, self._before + self._after))

    def _first_place(self) -> int:
        """The place in the index of the points: of arrays and integers side by side, else the first."""
        places = [i for i, part in enumerate(self._within) if isinstance(part, int | np.ndarray)]
        return places[0] if places[-1] - places[0] < len(places) else 0

    def parted(self, max_blocks: int, max_elements: int) -> Groups:
        """Return the points in groups that lie far from one another, whose blocks are small.

        There are at most `max_blocks` groups, divided at the widest gaps. A block larger than `max_elements`
        is cut further, into as many as its size has of them, or single points.
        """
        order, cuts = self._far()
        if cuts.size >= max_blocks:
            steps = [np.abs(at[order[cuts]] - at[order[cuts - 1]]) for at in self._at]
            gaps = sum((step * row for step, row in zip(steps, self._rows, strict=True)), np.zeros_like(cuts))
            cuts = cuts[_widest(gaps, max_blocks - 1)]
        found = self._grouped(order, np.append(0, cuts))
        pieces = np.minimum(np.ceil(found.sizes / max_elements), found.counts).astype(np.int64)
        if not (pieces > 1).any():
            return found
        group = np.repeat(np.arange(pieces.size), pieces)
        rank = np.arange(group.size) - (np.cumsum(pieces) - pieces)[group]
        return self._grouped(order, found.starts[group] + rank * found.counts[group] // pieces[group])

    def _far(self) -> tuple[Indices, Indices]:
        """Return the points in the order of their elements, and those before which much is left unread.

        That is `MIN_UNREAD` elements or more, or a row as long as that ends there.
        """
        if not self._at:
            return np.arange(self.points), np.empty(0, np.int64)
        position = sum(
            (at * row for at, row in zip(self._at, self._rows, strict=True)), np.zeros(self.points, np.int64)
        )
        order = np.argsort(position, kind="stable")
        far = np.diff(position[order]) - self._rows[-1] >= MIN_UNREAD
        for at, row in zip(self._at[:-1], self._rows, strict=False):
            if row >= MIN_UNREAD:
                far |= np.diff(at[order]) != 0
        return order, np.flatnonzero(far) + 1

    def _grouped(self, order: Indices, starts: Indices) -> Groups:
        of_arrays = {axis for axis, _ in self._arrays}
        others = math.prod(len(chosen) for axis, chosen in enumerate(self._ranges) if axis not in of_arrays)
        sizes = np.full(starts.size, float(others))
        lows = [np.minimum.reduceat(at[order], starts) for at in self._at]
        highs = [np.maximum.reduceat(at[order], starts) for at in self._at]
        for low, high in zip(lows, highs, strict=True):
            sizes *= high + 1 - low
        return Groups(order, starts, np.diff(starts, append=order.size), lows, highs, sizes)

    def blocks(self, groups: Groups, chosen: Iterable[int]) -> Iterator[Block]:
        """Yield the blocks of chosen groups, each as small as its points allow."""
        for i in chosen:
            start = int(groups.starts[i])
            places = groups.order[start : start + int(groups.counts[i])]
            ranges, within = list(self._ranges), list(self._within)
            for (axis, place), at, lows, highs in zip(
                self._arrays, self._at, groups.lows, groups.highs, strict=True
            ):
                low, high, first = int(lows[i]), int(highs[i]), self._ranges[axis].start
                ranges[axis] = range(first + low, first + high + 1)
                within[place] = at[places] - low
            yield Block(ranges, tuple(within), places)

    def offsets(self, places: Indices) -> list[range | Indices]:
        """Return the dimensions of points in the result, as offsets that add up to positions of elements."""
        starts = np.full(places.size, self._fixed)
        for at, stride in zip(self._at, self._strides, strict=True):
            starts += at[places] * stride
        return [*self._before, starts, *self._after]

    def empty(self, count: int, dtype: npt.DTypeLike) -> Storage:
        """Return memory for the elements of `count` points, which `store` fills."""
        return np.empty((*map(len, self._before), count, *map(len, self._after)), dtype)

    def store(self, out: Storage, places: Indices, elements: Storage) -> None:
        """Write the elements of some points into the memory of all."""
        index: tuple[Any, ...] = (*[slice(None)] * len(self._before), places)
        out[index] = elements


def _widest(gaps: Indices, count: int) -> Indices:
    """Return which are the `count` widest gaps, in order; of equal ones some evenly spaced."""
    if not count:
        return np.empty(0, np.int64)
    least = np.partition(gaps, gaps.size - count)[gaps.size - count]
    wider, equal = np.flatnonzero(gaps > least), np.flatnonzero(gaps == least)
    lacking = count - wider.size
    evenly = (2 * np.arange(lacking) + 1) * equal.size // (2 * lacking)
    return np.sort(np.append(wider, equal[evenly]))


def _integers(index: Any) -> list[Any]:
    """Return the parts of an index, lists as arrays, and masks as the positions that they select."""
    found: list[Any] = []
    for part in index_parts(index):
        if part is None or part is ... or is_basic(part):
            found.append(part)
            continue
        array = np.asarray(part)
        if array.dtype == np.bool and array.ndim:
            found += array.nonzero()
        else:
            found.append(array if array.size else array.astype(np.int64))  # [] is one of floats
    return found


def _is_dimension(part: Any) -> bool:
    """Return whether a part indexes a dimension, as neither a new axis nor a lone truth value does."""
    return part is not None and part is not ... and getattr(part, "dtype", None) != np.bool
