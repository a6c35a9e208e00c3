"""Indexing by numpy's rules: the positions that an index selects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt


def has_ellipsis(index: Any) -> bool:
    """Return whether an index holds an ellipsis."""
    return any(part is ... for part in (index if isinstance(index, tuple) else (index,)))


def select(index: Any, shape: tuple[int, ...]) -> tuple[list[range], tuple[int, ...]] | None:
    """Return the positions that an index selects in each dimension, and the shape of the result.

    It is None for an index of anything beyond integers, slices and one ellipsis.

    Raises:
        IndexError: the index does not fit the shape.
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    if not all(part is ... or _is_basic(part) for part in parts):
        return None
    ellipses = [place for place, part in enumerate(parts) if part is ...]
    given = len(parts) - len(ellipses)
    if len(ellipses) > 1 or given > len(shape):
        raise IndexError(f"an index of {given} dimensions does not fit an array of {len(shape)}")
    at = ellipses[0] if ellipses else len(parts)
    parts[at : at + 1] = [slice(None)] * (len(shape) - given)
    ranges = [_chosen(part, size) for part, size in zip(parts, shape, strict=True)]
    sizes = (len(chosen) for chosen, part in zip(ranges, parts, strict=True) if isinstance(part, slice))
    return ranges, tuple(sizes)


def _is_basic(part: Any) -> bool:
    is_integer = isinstance(part, SupportsIndex) and not isinstance(part, bool | np.bool | np.ndarray)
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
