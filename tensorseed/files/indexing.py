"""Indexing by numpy's rules: the positions that an index selects."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from tensorseed.files.slices import Box


def has_ellipsis(index: Any) -> bool:
    """Return whether an index holds an ellipsis."""
    return any(part is ... for part in (index if isinstance(index, tuple) else (index,)))


def select(index: Any, shape: tuple[int, ...]) -> tuple[list[range], tuple[int, ...]] | None:
    """Return the positions that an index selects in each dimension, and the shape of the result.

    It is None for an index of anything beyond integers, slices, new axes and one ellipsis: see `Gathering`.

    Raises:
        IndexError: the index does not fit the shape.
    """
    parts = index_parts(index)
    if not all(part is None or part is ... or is_basic(part) for part in parts):
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
        ranges.append(chosen_range(part, next(sizes)))
        if isinstance(part, slice):
            result.append(len(ranges[-1]))
    return ranges, tuple(result)


def index_parts(index: Any) -> list[Any]:
    """Return the parts of an index: arrays of any framework as numpy's, those of one integer as integers."""
    return [_plain(part) for part in (index if isinstance(index, tuple) else (index,))]


def _plain(part: Any) -> Any:
    if not hasattr(part, "__array__"):
        return part
    array = np.asarray(part)
    return int(array) if array.ndim == 0 and array.dtype.kind in "iu" else array


def is_basic(part: Any) -> bool:
    """Return whether a part of an index is an integer or a slice."""
    is_integer = isinstance(part, SupportsIndex) and not isinstance(part, bool | np.ndarray)
    return isinstance(part, slice) or is_integer


def chosen_range(part: slice | SupportsIndex, size: int) -> range:
    """Return the positions that an index selects in a dimension of `size`."""
    if isinstance(part, slice):
        chosen = range(*part.indices(size))
        return chosen if len(chosen) > 1 else range(chosen.start, chosen.start + len(chosen))
    position = part.__index__()
    if not -size <= position < size:
        raise IndexError(f"index {position} is out of bounds for a dimension of {size}")
    return range(position % size, position % size + 1)


def scaled(chosen: range, stride: int) -> range:
    """Return the offsets of positions in a dimension, whose elements lie `stride` apart."""
    return range(chosen.start * stride, chosen.stop * stride, chosen.step * stride)


def positions(
    offsets: Sequence[range | npt.NDArray[np.int64]], first: int, count: int
) -> npt.NDArray[np.int64]:
    """Return the row-major positions of elements `first`, `first + 1`, … of a product of dimensions.

    A dimension is given by its offsets, one of which each element adds to its position.
    """
    rest = np.arange(first, first + count, dtype=np.int64)
    flat = np.zeros(count, np.int64)
    for dimension in reversed(offsets):
        rest, place = np.divmod(rest, len(dimension))
        if isinstance(dimension, range):
            flat += dimension.start + place * dimension.step
        else:
            flat += dimension[place]
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
