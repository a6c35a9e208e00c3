"""Ranges of tensors that are drawn in float32, drawn many in a call."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions.base import Distribution, Draw, Formula, Indices, Starts
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.executors.base import Ranges, formula
from tensorseed.sampling.low_precision import layout
from tensorseed.sampling.machine_code.entry_points import LISTED, RANGES, Transform
from tensorseed.sampling.machine_code.kernel import codes_of, row_of, types_of
from tensorseed.sampling.philox import Key, stream_keys

PER_BLOCK = 4  # elements


def is_ranged(distribution: Distribution, dtype: DType) -> TypeGuard[Draw]:
    """Whether the kernels of ranges draw it."""
    return dtype.draw == "float32" and isinstance(distribution, Draw)


class Single(threading.local):
    """This thread's rows of one range, since making them takes longer than drawing a small tensor."""

    def __init__(self) -> None:
        self.ranges = np.zeros((1, 5), np.int64)
        self.keys = np.zeros((1, 4), np.uint32)
        self.before, self.after = row_of([self.ranges]), row_of([self.keys])  # and after the listed starts


_RANGE, _KEY = Struct("=5q"), Struct("=4I")  # quicker than assignments to arrays
_single = Single()
_NO_STARTS = np.zeros(0, np.int64)
_NO_STARTS_ROW = row_of([_NO_STARTS])
_EXAMPLE = layout(DTYPES["float32"]), _single.ranges, _NO_STARTS, _single.keys, np.empty((1, 1))
_TYPES, _CODES = types_of(_EXAMPLE), codes_of(_EXAMPLE)


def draw_runs(drawn: Formula, dtype: DType, address: int, starts: Starts, size: int, key: Key) -> None:
    """Draw runs of so many elements of one stream, one behind the other, each from its start on."""
    listed, place = _NO_STARTS, (0, LISTED)
    if isinstance(starts, range):
        place = starts.start, starts.step
    else:
        listed = np.ascontiguousarray(starts, np.int64)  # kernels read a list without its strides
    _RANGE.pack_into(_single.ranges.data, 0, address, len(starts), size, *place)
    _KEY.pack_into(_single.keys.data, 0, *key)
    _draw_one(drawn.transform, layout(dtype), _layout_row(dtype), listed, *_argument_row(drawn))


def _draw_one(
    transform: Transform,
    numbers: tuple[Any, ...],
    numbers_row: bytes,
    listed: Indices,
    arguments: npt.NDArray[np.float64],
    arguments_row: bytes,
) -> None:
    """Draw the range of this thread, by rows that were packed before."""
    one, kernel = _single, RANGES[transform]
    entry = kernel.entry(_TYPES, _CODES)
    if entry is None:
        kernel(numbers, one.ranges, listed, one.keys, arguments)
        return
    starts = row_of([listed]) if listed.size else _NO_STARTS_ROW
    kernel.run(entry, b"".join((numbers_row, one.before, starts, one.after, arguments_row)))


@lru_cache
def _layout_row(dtype: DType) -> bytes:
    return row_of([layout(dtype)])


@lru_cache(maxsize=4096)
def _argument_row(drawn: Formula) -> tuple[npt.NDArray[np.float64], bytes]:
    """That of `_row`, and the packed row that points to it."""
    row = _row(drawn)
    return row, row_of([row])


class FirstElements:
    """So many first elements of one stream after another. All but the key is looked up once."""

    def __init__(self, drawn: Formula, dtype: DType, size: int) -> None:
        self._packed = drawn.transform, layout(dtype), _layout_row(dtype), _NO_STARTS, *_argument_row(drawn)
        self._size = size

    def draw(self, address: int, key: Key) -> None:
        """Draw those of a stream at an address."""
        _RANGE.pack_into(_single.ranges.data, 0, address, 1, self._size, 0, 1)
        _KEY.pack_into(_single.keys.data, 0, *key)
        _draw_one(*self._packed)


@lru_cache(maxsize=4096)
def _row(drawn: Formula) -> npt.NDArray[np.float64]:
    """The arguments of a formula, exactly, as the row of a matrix."""
    return np.array([drawn.arguments], np.float64)


def draw_many(seed: int, ranges: Ranges) -> Ranges | None:
    """Draw what the kernels of ranges draw, in a call for each transform and dtype; return others, if any."""
    batches: dict[tuple[Transform, DType], dict[int, Formula]] = {}
    others = []
    for kind, (distribution, dtype) in enumerate(ranges.kinds):
        if is_ranged(distribution, dtype):
            drawn = formula(distribution, dtype)
            batches.setdefault((drawn.transform, dtype), {})[kind] = drawn
        else:
            others.append(kind)
    for (transform, dtype), formulas in batches.items():
        _draw(seed, transform, dtype, formulas, ranges.of(formulas))
    return ranges.of(others) if others else None


def _draw(
    seed: int, transform: Transform, dtype: DType, formulas: Mapping[int, Formula], ranges: Ranges
) -> None:
    """Draw ranges of one transform and one dtype."""
    of_kinds = np.concatenate([*map(_row, formulas.values())])
    arguments = np.zeros((len(ranges.kinds), of_kinds.shape[1]))
    arguments[[*formulas]] = of_kinds
    rows = np.zeros((ranges.sizes.size, 5), np.int64)
    rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = ranges.addresses, 1, ranges.sizes, ranges.firsts
    keys = stream_keys(seed, ranges.names, ranges.seeds)
    RANGES[transform](layout(dtype), rows, _NO_STARTS, keys, arguments[ranges.rows])
