"""Ranges of float32 and bfloat16 tensors, drawn many in a call."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions.base import Distribution, Draw, Formula, Indices, Storage
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.executors.base import Range, formula
from tensorseed.sampling.low_precision import BFLOAT16
from tensorseed.sampling.philox import Key, key_digest
from tensorseed.sampling.range_kernels import RANGES

FLOAT32 = DTYPES["float32"]
PER_BLOCK = 4  # elements
DIGEST_WORDS = 8

Words = npt.NDArray[np.uint32]
Kind = tuple["Batch | None", int]  # of a range: its batch, and the row of its arguments there


def is_ranged(distribution: Distribution, dtype: DType) -> TypeGuard[Draw]:
    """Whether the kernels of ranges draw it."""
    return (dtype is FLOAT32 or dtype is BFLOAT16) and isinstance(distribution, Draw)


def address(out: Storage) -> int:
    """The address of a contiguous, writable array with elements; `ctypes.data` takes thrice as long."""
    return ctypes.addressof(ctypes.c_char.from_buffer(out.data))


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
    """Ranges of any tensors; `draw` fills those that are added."""

    def __init__(self) -> None:
        self._batches: dict[tuple[str, DType], Batch] = {}
        self._kinds: dict[tuple[int, int], Kind] = {}  # by the identities of distribution and dtype

    def add(self, ranged: Range) -> bool:
        """Collect a range; False if the kernels of ranges do not draw it."""
        distribution, dtype, stream, first, out = ranged
        kind = self._kinds.get((id(distribution), id(dtype))) or self._kind(distribution, dtype)
        batch, row = kind
        if batch is None:
            return False
        if out.size:
            batch.add(out, first, key_digest(*stream), row)
        return True

    def draw(self) -> None:
        """Draw all."""
        for batch in self._batches.values():
            batch.draw()

    def _kind(self, distribution: Distribution, dtype: DType) -> Kind:
        kind: Kind = None, 0
        if is_ranged(distribution, dtype):
            drawn = formula(distribution, dtype)
            batch = self._batches.setdefault((drawn.transform, dtype), Batch(drawn, dtype))
            kind = batch, batch.row(drawn)
        self._kinds[id(distribution), id(dtype)] = kind
        return kind


class Batch:
    """Ranges of one transform and one dtype."""

    def __init__(self, drawn: Formula, dtype: DType) -> None:
        self._kernel = RANGES[drawn.transform]
        self._storage = np.dtype(dtype.storage)
        self._table: list[Formula] = []
        self._rows: list[int] = []  # of every range that was added
        self._digests: list[bytes] = []
        self._parts: list[tuple[int, int, int, int]] = []  # address, block, count, owner
        self._cuts: list[tuple[int, int, int, Storage]] = []  # block, owner, first element of it, memory

    def row(self, drawn: Formula) -> int:
        """Return a row of the table of arguments for those of a formula."""
        self._table.append(drawn)
        return len(self._table) - 1

    def add(self, out: Storage, first: int, digest: bytes, row: int) -> None:
        """Collect the elements from `first` on; blocks that a range cuts are drawn beside it."""
        size, owner = out.size, len(self._rows)
        self._rows.append(row)
        self._digests.append(digest)
        head = min(-first % PER_BLOCK, size)
        count, tail = divmod(size - head, PER_BLOCK)
        if count:
            block = (first + head) // PER_BLOCK
            self._parts.append((address(out) + head * self._storage.itemsize, block, count, owner))
        if head:
            self._cuts.append((first // PER_BLOCK, owner, first % PER_BLOCK, out[:head]))
        if tail:
            self._cuts.append(((first + size) // PER_BLOCK, owner, 0, out[size - tail :]))

    def draw(self) -> None:
        """Draw what was collected."""
        if not self._rows:
            return
        scratch = np.empty((len(self._cuts) or 1, PER_BLOCK), self._storage)
        place = address(scratch)
        cuts = [
            (place + i * PER_BLOCK * self._storage.itemsize, block, 1, owner)
            for i, (block, owner, _, _) in enumerate(self._cuts)
        ]
        parts = np.array(self._parts + cuts, np.int64).reshape(-1, 4).T.copy()
        # of a bytearray, as an array that cannot be written would be compiled for anew
        keys: Words = np.frombuffer(bytearray().join(self._digests), np.uint32).reshape(-1, DIGEST_WORDS)
        table = np.stack([_row(drawn) for drawn in self._table])
        self._kernel(scratch.reshape(-1), *parts, keys, table[self._rows])
        for drawn, (_, _, offset, out) in zip(scratch, self._cuts, strict=False):
            out[:] = drawn[offset : offset + out.size]
