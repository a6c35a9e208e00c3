"""Ranges of float32 and bfloat16 tensors, drawn many in a call."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions.base import Distribution, Draw, Formula, Indices, Storage
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.executors.base import Range, formula
from tensorseed.sampling.low_precision import BFLOAT16
from tensorseed.sampling.philox import Key, key_digests
from tensorseed.sampling.range_kernels import RANGES

FLOAT32 = DTYPES["float32"]
PER_BLOCK = 4  # elements
DIGEST_WORDS = 8

Words = npt.NDArray[np.uint32]
Kind = tuple["Batch | None", int]  # of a range: its batch, and the row of its arguments there


def is_ranged(distribution: Distribution, dtype: DType) -> TypeGuard[Draw]:
    """Whether the kernels of ranges draw it."""
    return (dtype is FLOAT32 or dtype is BFLOAT16) and isinstance(distribution, Draw)


def draw_ranges(
    drawn: Formula, like: Storage, addresses: Indices, blocks: Indices, counts: Indices, key: Key
) -> None:
    """Draw blocks of one stream at each address: how many, and from which block on."""
    keys, owners = np.array([key], np.uint32), np.zeros(addresses.size, np.int64)
    RANGES[drawn.transform](like, addresses, blocks, counts, owners, keys, _row(drawn)[None])


@lru_cache(maxsize=4096)
def _row(drawn: Formula) -> npt.NDArray[np.float64]:
    """The arguments of a formula, exactly."""
    return np.array(drawn.arguments, np.float64)


class RangeBatches:
    """Ranges of any tensors of one seed; `draw` fills those that are added."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._batches: dict[tuple[str, DType], Batch] = {}
        self._kinds: dict[tuple[int, int], Kind] = {}  # by the identities of distribution and dtype

    def add(self, ranges: Sequence[Range]) -> list[Range]:
        """Collect ranges, but return those that the kernels of ranges do not draw."""
        others: list[Range] = []
        kinds = self._kinds
        for ranged in ranges:
            distribution, dtype, name, first, address, size = ranged
            kind = kinds.get((id(distribution), id(dtype))) or self._kind(distribution, dtype)
            batch, row = kind
            if batch is None:
                others.append(ranged)
            else:
                batch.ranges.append((address, first, size, row))
                batch.names.append(name)
        return others

    def draw(self) -> None:
        """Draw all."""
        for batch in self._batches.values():
            batch.draw(self._seed)

    def _kind(self, distribution: Distribution, dtype: DType) -> Kind:
        kind: Kind = None, 0
        if is_ranged(distribution, dtype):
            drawn = formula(distribution, dtype)
            batch = self._batches.setdefault((drawn.transform, dtype), Batch(drawn, dtype))
            kind = batch, len(batch.table)
            batch.table.append(drawn)
        self._kinds[id(distribution), id(dtype)] = kind
        return kind


class Batch:
    """Ranges of one transform and one dtype."""

    def __init__(self, drawn: Formula, dtype: DType) -> None:
        self._kernel = RANGES[drawn.transform]
        self._storage = np.dtype(dtype.storage)
        self.table: list[Formula] = []
        self.ranges: list[tuple[int, int, int, int]] = []  # address, first element, size, row of the table
        self.names: list[str] = []

    def draw(self, seed: int) -> None:
        """Draw what was collected; blocks that a range cuts are drawn beside it."""
        if not self.ranges:
            return
        width = self._storage.itemsize
        addresses, firsts, sizes, rows = np.array(self.ranges, np.int64).T
        heads = np.minimum(-firsts % PER_BLOCK, sizes)
        counts, tails = np.divmod(sizes - heads, PER_BLOCK)
        with_head, with_tail = np.flatnonzero(heads), np.flatnonzero(tails)
        cut = np.concatenate((with_head, with_tail))
        scratch = np.empty((cut.size, PER_BLOCK), self._storage)
        places = scratch.ctypes.data + np.arange(cut.size) * (PER_BLOCK * width)
        # of a bytearray, as an array that cannot be written would be compiled for anew
        digests = key_digests(seed, self.names)
        keys: Words = np.frombuffer(digests, np.uint32).reshape(-1, DIGEST_WORDS)
        self._kernel(
            scratch.reshape(-1),
            np.concatenate((addresses + heads * width, places)),
            np.concatenate((firsts + heads, firsts[with_head], (firsts + sizes)[with_tail])) // PER_BLOCK,
            np.concatenate((counts, np.ones(cut.size, np.int64))),
            np.concatenate((np.arange(sizes.size), cut)),
            keys,
            np.stack([_row(drawn) for drawn in self.table])[rows],
        )
        targets = np.concatenate((addresses[with_head], (addresses + (sizes - tails) * width)[with_tail]))
        sources = places + np.concatenate(((firsts % PER_BLOCK)[with_head], np.zeros_like(with_tail))) * width
        lengths = np.concatenate((heads[with_head], tails[with_tail])) * width
        for target, source, length in zip(targets.tolist(), sources.tolist(), lengths.tolist(), strict=True):
            ctypes.memmove(target, source, length)
