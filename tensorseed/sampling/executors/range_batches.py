"""Ranges of tensors that are drawn in float32, drawn many in a call."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions.base import Distribution, Draw, Formula, Indices
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import Ranges, formula
from tensorseed.sampling.kernels import Transform
from tensorseed.sampling.low_precision import layout
from tensorseed.sampling.philox import Key, key_digests
from tensorseed.sampling.range_kernels import RANGES, copy_ranges

PER_BLOCK = 4  # elements
DIGEST_WORDS = 8

Words = npt.NDArray[np.uint32]


def is_ranged(distribution: Distribution, dtype: DType) -> TypeGuard[Draw]:
    """Whether the kernels of ranges draw it."""
    return dtype.draw == "float32" and isinstance(distribution, Draw)


class Single(threading.local):
    """This thread's columns of one range, since making them takes longer than drawing a small tensor."""

    def __init__(self) -> None:
        self.numbers = np.zeros((3, 1), np.int64)
        self.addresses, self.blocks, self.counts = self.numbers
        self.keys = np.zeros((1, 4), np.uint32)


_NUMBERS, _KEY = Struct("=3q"), Struct("=4I")  # quicker than assignments to arrays
_single = Single()
_ONE_RUN, _FIRST = np.array([[1, 0]]), np.zeros(1, np.int64)


def draw_range(drawn: Formula, dtype: DType, address: int, block: int, count: int, key: Key) -> None:
    """Draw blocks of one stream at an address: how many, and from which block on."""
    one = _single
    _NUMBERS.pack_into(one.numbers.data, 0, address, block, count)
    _KEY.pack_into(one.keys.data, 0, *key)
    columns = one.addresses, _ONE_RUN, one.blocks, one.counts, _FIRST, one.keys
    RANGES[drawn.transform](layout(dtype), *columns, _row(drawn))


def draw_ranges(
    drawn: Formula, dtype: DType, addresses: Indices, blocks: Indices, counts: Indices, key: Key
) -> None:
    """Draw blocks of one stream at each address, likewise."""
    keys, owners = np.array([key], np.uint32), np.zeros(addresses.size, np.int64)
    runs = _single_runs(addresses.size)
    RANGES[drawn.transform](layout(dtype), addresses, runs, blocks, counts, owners, keys, _row(drawn))


def draw_runs(
    drawn: Formula, dtype: DType, address: int, pitch: int, blocks: Indices, count: int, key: Key
) -> None:
    """Draw runs of `count` blocks of one stream, `pitch` bytes apart, each from its block on."""
    keys, owners = np.array([key], np.uint32), np.zeros(1, np.int64)
    addresses, counts, runs = np.array([address]), np.array([count]), np.array([[blocks.size, pitch]])
    RANGES[drawn.transform](layout(dtype), addresses, runs, blocks, counts, owners, keys, _row(drawn))


def draw_listed(drawn: Formula, dtype: DType, address: int, blocks: Indices, key: Key) -> None:
    """Draw listed blocks of one stream."""
    keys, owners, runs = np.array([key], np.uint32), np.zeros(1, np.int64), np.zeros((1, 2), np.int64)
    addresses, counts = np.array([address]), np.array([blocks.size])
    dense = np.ascontiguousarray(blocks, np.int64)  # kernels read a list without its strides
    RANGES[drawn.transform](layout(dtype), addresses, runs, dense, counts, owners, keys, _row(drawn))


def _single_runs(count: int) -> Indices:
    """The runs of so many ranges of one each."""
    runs = np.zeros((count, 2), np.int64)
    runs[:, 0] = 1
    return runs


@lru_cache(maxsize=4096)
def _row(drawn: Formula) -> npt.NDArray[np.float64]:
    """The arguments of a formula, exactly, as the row of a matrix."""
    return np.array([drawn.arguments], np.float64)


def draw_many(seed: int, ranges: Ranges) -> Ranges:
    """Draw what the kernels of ranges draw, in a call for each transform and dtype; return the others."""
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
    return ranges.of(others)


def _draw(
    seed: int, transform: Transform, dtype: DType, formulas: Mapping[int, Formula], ranges: Ranges
) -> None:
    """Draw ranges of one transform and one dtype; blocks that a range cuts are drawn beside it."""
    rows = np.concatenate([*map(_row, formulas.values())])
    arguments = np.zeros((len(ranges.kinds), rows.shape[1]))
    arguments[[*formulas]] = rows
    storage = np.dtype(dtype.storage)
    width, firsts, addresses, sizes = storage.itemsize, ranges.firsts, ranges.addresses, ranges.sizes
    heads = np.minimum(-firsts % PER_BLOCK, sizes)
    counts, tails = np.divmod(sizes - heads, PER_BLOCK)
    with_head, with_tail = np.flatnonzero(heads), np.flatnonzero(tails)
    cut = np.concatenate((with_head, with_tail))
    scratch = np.empty((cut.size, PER_BLOCK), storage)
    places = scratch.ctypes.data + np.arange(cut.size) * (PER_BLOCK * width)
    # of a bytearray, as an array that cannot be written would be compiled for anew
    digests = key_digests(seed, ranges.names, own=ranges.seeds)
    keys: Words = np.frombuffer(digests, np.uint32).reshape(-1, DIGEST_WORDS)
    RANGES[transform](
        layout(dtype),
        np.concatenate((addresses + heads * width, places)),
        _single_runs(sizes.size + cut.size),
        np.concatenate((firsts + heads, firsts[with_head], (firsts + sizes)[with_tail])) // PER_BLOCK,
        np.concatenate((counts, np.ones(cut.size, np.int64))),
        np.concatenate((np.arange(sizes.size), cut)),
        keys,
        arguments[ranges.rows],
    )
    targets = np.concatenate((addresses[with_head], (addresses + (sizes - tails) * width)[with_tail]))
    sources = places + np.concatenate(((firsts % PER_BLOCK)[with_head], np.zeros_like(with_tail))) * width
    copy_ranges(targets, sources, np.concatenate((heads[with_head], tails[with_tail])) * width)
