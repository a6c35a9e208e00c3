"""Indexing by numpy's rules: the positions that an index selects."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from tensorseed.files.slices import Box

MIN_UNREAD = 1 << 14  # elements between two stretches: fewer are cheaper read than left out
MAX_POINTS = 1 << 20  # that are divided among blocks: of more the result itself is large


def has_ellipsis(index: Any) -> bool:
    """Return whether an index holds an ellipsis."""
    return any(part is ... for part in (index if isinstance(index, tuple) else (index,)))


def select(index: Any, shape: tuple[int, ...]) -> tuple[list[range], tuple[int, ...]] | None:
    """Return the positions that an index selects in each dimension, and the shape of the result.

    It is None for an index of anything beyond integers, slices, new axes and one ellipsis: see `gathering`.

    Raises:
        IndexError: the index does not fit the shape.
    """
    parts = _parts(index)
    if not all(part is None or part is ... or _is_basic(part) for part in parts):
        _ = np.broadcast_to(np.False_, shape)[tuple(parts)]  # numpy's own errors, before anything is computed
        return None
    ellipses = [place for place, part in enumerate(parts) if part is ...]
    given = sum(part is not None and part is not ... for part in parts)
    if len(ellipses) > 1:
        raise IndexError("an index has one ellipsis at most")
    if given > len(shape):
        raise IndexError(f"an index of {given} dimensions does not fit an array of {len(shape)}")
    at = ellipses[0] if ellipses else len(parts)
    parts[at : at + 1] = [slice(None)] * (len(shape) - given)
    sizes, ranges, result = iter(shape), [], []
    for part in parts:
        if part is None:
            result.append(1)
            continue
        ranges.append(_chosen(part, next(sizes)))
        if isinstance(part, slice):
            result.append(len(ranges[-1]))
    return ranges, tuple(result)


def _parts(index: Any) -> list[Any]:
    """Return the parts of an index: arrays of any framework as numpy's, those of one integer as integers."""
    return [_plain(part) for part in (index if isinstance(index, tuple) else (index,))]


def _plain(part: Any) -> Any:
    if not hasattr(part, "__array__"):
        return part
    array = np.asarray(part)
    return int(array) if array.ndim == 0 and array.dtype.kind in "iu" else array


def _is_basic(part: Any) -> bool:
    is_integer = isinstance(part, SupportsIndex) and not isinstance(part, bool | np.ndarray)
    return isinstance(part, slice) or is_integer


def _chosen(part: slice | SupportsIndex, size: int) -> range:
    """Return the positions that an index selects in a dimension of `size`."""
    if isinstance(part, slice):
        chosen = range(*part.indices(size))
        return chosen if len(chosen) > 1 else range(chosen.start, chosen.start + len(chosen))
    position = part.__index__()
    if not -size <= position < size:
        raise IndexError(f"index {position} is out of bounds for a dimension of {size}")
    return range(position % size, position % size + 1)


class Points(NamedTuple):
    """Points of several arrays, which broadcast to `shape`: `within` each block, and `places` among all."""

    within: list[tuple[Any, ...]]
    axis: int
    places: npt.NDArray[np.int64]
    shape: tuple[int, ...]


class Gathering(NamedTuple):
    """What an index with arrays selects: `within` of the array that `blocks` make side by side along `axis`.

    A block is the product of its ranges, one for each dimension. Those of `points` are not joined.
    """

    blocks: list[list[range]]
    axis: int
    within: tuple[Any, ...]
    points: Points | None = None

    def of(self, read: Sequence[npt.NDArray[Any]], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return the selected elements of the blocks."""
        if self.points is None:
            joined = read[0] if len(read) == 1 else np.concatenate(read, self.axis)
            whole: npt.NDArray[Any] = joined.view(dtype)[self.within]
            return whole
        within, axis, places, shape = self.points
        pieces = [block.view(dtype)[index] for block, index in zip(read, within, strict=True)]
        found = np.concatenate(pieces, axis)
        back = np.empty_like(places)
        back[places] = np.arange(places.size)
        return found.take(back, axis).reshape(*found.shape[:axis], *shape, *found.shape[axis + 1 :])


def gathering(index: Any, shape: tuple[int, ...], max_blocks: int) -> Gathering:
    """Return the blocks that hold what a valid index selects, for which `select` gives None.

    A block is a stretch that an array selects from, and near points of several arrays share one.
    """
    parts = _integers(index)
    rest = len(shape) - sum(map(_is_dimension, parts))
    ranges: list[range] = []
    within: list[Any] = []  # the index of the blocks
    arrays: list[tuple[int, int]] = []  # the dimension of each array, and its place in the index
    for part in parts:
        if part is ...:
            ranges += map(range, shape[len(ranges) : len(ranges) + rest])
            within.append(part)
        elif not _is_dimension(part):
            within.append(part)
        elif _is_basic(part):
            ranges.append(_chosen(part, shape[len(ranges)]))
            within.append(slice(None) if isinstance(part, slice) else 0)
        else:
            at = np.where(part < 0, part + shape[len(ranges)], part).astype(np.int64)
            low, high = (int(at.min()), int(at.max()) + 1) if at.size else (0, 0)
            arrays.append((len(ranges), len(within)))
            ranges.append(range(low, high))
            within.append(at - low)
    ranges += map(range, shape[len(ranges) :])
    if not arrays or not all(within[place].size for _, place in arrays):
        return Gathering([ranges], 0, tuple(within))
    whole = np.broadcast_shapes(*(within[place].shape for _, place in arrays))
    lone = any(getattr(part, "dtype", None) == np.bool for part in within)  # a truth value of no dimension
    if len(arrays) > 1 and math.prod(whole) <= MAX_POINTS and not lone:
        return _pointwise(ranges, within, arrays, whole, rest, max_blocks)
    axis, place = arrays[0]
    at = within[place] + ranges[axis].start
    starts, stops = _stretches(np.unique(at), MIN_UNREAD // max(_row(ranges, axis), 1), max_blocks)
    before = np.cumsum(stops - starts) - (stops - starts)
    block = np.searchsorted(starts, at, side="right") - 1
    within[place] = at - starts[block] + before[block]
    blocks = [
        [*ranges[:axis], range(start, stop), *ranges[axis + 1 :]]
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)
    ]
    return Gathering(blocks, axis, tuple(within))


def _row(ranges: Sequence[range], axis: int) -> int:
    """The elements between two positions of a dimension that follow one another."""
    return math.prod(map(len, ranges[axis + 1 :]))


def _pointwise(
    ranges: list[range],
    within: list[Any],
    arrays: Sequence[tuple[int, int]],
    shape: tuple[int, ...],
    rest: int,
    max_blocks: int,
) -> Gathering:
    """Return blocks that hold the points of several arrays, which broadcast to `shape`."""
    points = [np.broadcast_to(within[place], shape).reshape(-1) for _, place in arrays]
    everything = np.arange(points[0].size)
    groups = _groups(points, [_row(ranges, axis) for axis, _ in arrays], everything, max_blocks)
    blocks, each = [], []
    for group in groups:
        block, inside = list(ranges), list(within)
        for (axis, place), values in zip(arrays, points, strict=True):
            at = values[group]
            low, high = int(at.min()), int(at.max())
            block[axis] = range(ranges[axis].start + low, ranges[axis].start + high + 1)
            inside[place] = at - low
        blocks.append(block)
        each.append(tuple(inside))
    return Gathering(blocks, 0, (), Points(each, _axis(within, rest), np.concatenate(groups), shape))


def _groups(
    points: Sequence[npt.NDArray[np.int64]], rows: Sequence[int], chosen: npt.NDArray[np.int64], most: int
) -> list[npt.NDArray[np.int64]]:
    """Divide the `chosen` points, by index, where much lies between two of them along a dimension."""
    if not points or most < 2:
        return [chosen]
    at = points[0][chosen]
    starts, _ = _stretches(np.unique(at), (MIN_UNREAD - 1) // max(rows[0], 1) - 1, most)
    number = np.searchsorted(starts, at, side="right") - 1
    order = np.argsort(number, kind="stable")
    parted = np.split(chosen[order], np.searchsorted(number[order], np.arange(1, starts.size)))
    return [group for part in parted for group in _groups(points[1:], rows[1:], part, most // len(parted))]


def _axis(within: Sequence[Any], rest: int) -> int:
    """The dimension of the result that points have: of arrays and integers side by side, else the first."""
    places = [i for i, part in enumerate(within) if isinstance(part, int | np.ndarray)]
    if places[-1] - places[0] >= len(places):
        return 0
    return sum(rest if part is ... else 1 for part in within[: places[0]])


def _integers(index: Any) -> list[Any]:
    """Return the parts of an index, lists as arrays, and masks as the positions that they select."""
    found: list[Any] = []
    for part in _parts(index):
        if part is None or part is ... or _is_basic(part):
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


def _stretches(
    positions: npt.NDArray[np.int64], max_gap: int, max_stretches: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where stretches that hold all sorted positions begin and end; those that are near share one."""
    gaps = np.diff(positions) - 1
    while (cuts := np.flatnonzero(gaps > max_gap)).size >= max_stretches:
        max_gap = max(2 * max_gap + 1, 0)
    return positions[np.append(0, cuts + 1)], positions[np.append(cuts, positions.size - 1)] + 1


def positions(
    ranges: Sequence[range], shape: tuple[int, ...], first: int, count: int
) -> npt.NDArray[np.int64]:
    """Return the row-major positions of elements `first`, `first + 1`, … of the product of `ranges`."""
    rest = np.arange(first, first + count, dtype=np.int64)
    flat = np.zeros(count, np.int64)
    stride = 1
    for chosen, size in zip(reversed(ranges), reversed(shape), strict=True):
        rest, place = np.divmod(rest, len(chosen))
        flat += (chosen.start + place * chosen.step) * stride
        stride *= size
    return flat


class Part(NamedTuple):
    """A box of a tensor that holds selected elements: which of the box's they are, and their place."""

    box: Box
    selected: tuple[slice, ...]
    place: tuple[slice, ...]


def parts(ranges: Sequence[range], shape: tuple[int, ...], min_gap: int, max_parts: int) -> list[Part]:
    """Return boxes that hold the product of `ranges`, which are not empty.

    The positions in a dimension with a step get boxes of their own where at least `min_gap` elements lie
    between two of them, unless there would be more than `max_parts` boxes.
    """
    upward = [chosen if chosen.step > 0 else chosen[::-1] for chosen in ranges]
    extents = [chosen[-1] + 1 - chosen[0] for chosen in upward]
    number, cut = 1, []
    for dimension, chosen in enumerate(upward):
        gap = (chosen.step - 1) * math.prod(extents[dimension + 1 :])
        if len(chosen) > 1 and gap >= min_gap and number * len(chosen) <= max_parts:
            number *= len(chosen)
            cut.append(dimension)
    found = []
    for corner in itertools.product(*(range(len(upward[dimension])) for dimension in cut)):
        at = dict(zip(cut, corner, strict=True))
        starts, sizes, selected, place = [], [], [], []
        for dimension, (chosen, given) in enumerate(zip(upward, ranges, strict=True)):
            downward = given.step < 0
            if dimension in at:
                rank = at[dimension]
                to = len(chosen) - 1 - rank if downward else rank
                starts.append(chosen[rank])
                sizes.append(1)
                selected.append(slice(None))
                place.append(slice(to, to + 1))
            else:
                starts.append(chosen[0])
                sizes.append(extents[dimension])
                selected.append(slice(None, None, chosen.step))
                place.append(slice(None, None, -1 if downward else 1))
        found.append(Part(Box(shape, tuple(starts), tuple(sizes)), tuple(selected), tuple(place)))
    return found
