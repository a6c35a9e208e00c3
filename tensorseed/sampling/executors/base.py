"""Interface of the executors: ranges and selections of elements.

Structured distributions write their own elements. An executor draws whole Philox blocks, from which this
module cuts ranges and selections.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple, assert_never

import numpy as np

from tensorseed.sampling.addresses import array_at
from tensorseed.sampling.distributions.base import (
    Distribution,
    Draw,
    Formula,
    Indices,
    Starts,
    Storage,
    Structured,
)
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.philox import Key, Stream

Blocks = int | Indices
"""The number of the first of consecutive blocks, or the numbers of listed blocks."""

GATHER_TILE = 8_192  # elements
RUNS_TILE = 65_536  # elements of runs, drawn at a time
MIN_RUN_FILLED = 1_024  # elements of a run from which on it is filled by itself


class Ranges(NamedTuple):
    """Consecutive elements of many tensors in memory, as columns: range i is the i-th of each.

    `kinds[rows[i]]` are its distribution and dtype. `names[i]` keys its stream, with the seed `seeds[i]`, or
    with that of all where it is None, or where there are no `seeds`. It has `sizes` elements from `firsts`
    on, in contiguous memory at `addresses`.
    """

    kinds: Sequence[tuple[Distribution, DType]]
    rows: Indices
    names: Sequence[str]
    seeds: Sequence[int | None]
    firsts: Indices
    addresses: Indices
    sizes: Indices

    def of(self, kinds: Collection[int]) -> Ranges:
        """Those of some kinds, by their indices."""
        if len(kinds) == len(self.kinds):
            return self
        is_of = np.zeros(len(self.kinds), np.bool_)
        is_of[[*kinds]] = True
        chosen = np.flatnonzero(is_of[self.rows])
        if chosen.size == self.rows.size:
            return self
        indices = chosen.tolist()
        names = [self.names[i] for i in indices]
        seeds = [self.seeds[i] for i in indices] if self.seeds else ()
        columns = (column[chosen] for column in self[4:])
        return Ranges(self.kinds, self.rows[chosen], names, seeds, *columns)


class Executor(ABC):
    """Fills storage with elements of a tensor that is described by a distribution, a dtype and a stream."""

    @abstractmethod
    def draw(self, draw: Draw, dtype: DType, key: Key, blocks: Blocks, out: Storage) -> None:
        """Fill `out`, which holds a whole number of Philox blocks."""

    def fill(
        self, distribution: Distribution, dtype: DType, stream: Stream, first: int, out: Storage
    ) -> None:
        """Fill `out` with the elements `first`, `first + 1`, … of the row-major tensor.

        `out` has one axis and the dtype's storage.
        """
        match distribution:
            case Draw():
                self._fill_drawn(distribution, dtype, stream.key(), first, out)
            case Structured():
                distribution.fill(self, dtype, stream, first, out)
            case _:
                assert_never(distribution)

    def filling(
        self,
        distribution: Distribution,
        dtype: DType,
        size: int,  # noqa: ARG002
    ) -> Callable[[Stream, Storage], None]:
        """What fills memory with the first `size` elements of one stream after another, as `fill` does."""
        return lambda stream, out: self.fill(distribution, dtype, stream, 0, out)

    def fill_many(self, seed: int, ranges: Ranges) -> None:
        """Fill the memory of every range, which is not empty, and kept by its owner."""
        places = zip(*map(np.ndarray.tolist, (ranges.rows, *ranges[4:])), strict=True)
        seeds = ranges.seeds or repeat(None, len(ranges.names))
        for name, own, (row, first, address, size) in zip(ranges.names, seeds, places, strict=True):
            distribution, dtype = ranges.kinds[row]
            stream = Stream(seed if own is None else own, name)
            self.fill(distribution, dtype, stream, first, array_at(address, size, dtype.storage))

    def fill_runs(
        self, distribution: Distribution, dtype: DType, stream: Stream, starts: Starts, out: Storage
    ) -> None:
        """Fill each row of `out` (runs, elements) with consecutive elements, from its `starts` on."""
        run = out.shape[1]
        if not out.size:
            return
        if isinstance(starts, range):
            starts = np.arange(starts.start, starts.stop, starts.step, dtype=np.int64)
        if run >= MIN_RUN_FILLED:
            for start, row in zip(starts.tolist(), out, strict=True):
                self.fill(distribution, dtype, stream, start, row)
        elif isinstance(distribution, Draw):
            self._draw_runs(distribution, dtype, stream.key(), starts, out)
        else:
            indices = (starts[:, None] + np.arange(run)).reshape(-1)
            gathered = np.empty(indices.size, out.dtype)
            self.gather(distribution, dtype, stream, indices, gathered)
            out[:] = gathered.reshape(out.shape)

    def gather(
        self, distribution: Distribution, dtype: DType, stream: Stream, indices: Indices, out: Storage
    ) -> None:
        """Fill `out` with the elements at `indices` of the row-major tensor, in their order."""
        match distribution:
            case Draw():
                self._gather_drawn(distribution, dtype, stream.key(), indices, out)
            case Structured():
                distribution.gather(self, dtype, stream, indices, out)
            case _:
                assert_never(distribution)

    def _gather_drawn(self, draw: Draw, dtype: DType, key: Key, indices: Indices, out: Storage) -> None:
        """Draw each element's whole block, and pick the element."""
        per_block = elements_per_block(dtype)
        for i in range(0, out.size, GATHER_TILE):
            chosen = indices[i : i + GATHER_TILE]
            blocks = np.empty((chosen.size, per_block), dtype.storage)
            self.draw(draw, dtype, key, chosen // per_block, blocks.reshape(-1))
            out[i : i + GATHER_TILE] = blocks[np.arange(chosen.size), chosen % per_block]

    def _draw_runs(self, draw: Draw, dtype: DType, key: Key, starts: Indices, out: Storage) -> None:
        """Draw the blocks that each run touches, and cut the runs out of them where they split blocks."""
        per_block, run = elements_per_block(dtype), out.shape[1]
        firsts, offsets = np.divmod(starts, per_block)
        width = -(-(int(offsets.max()) + run) // per_block)  # in blocks
        is_whole = run == width * per_block
        at_once = max(1, RUNS_TILE // (width * per_block))
        for i in range(0, starts.size, at_once):
            part, ahead = out[i : i + at_once], offsets[i : i + at_once]
            blocks = firsts[i : i + at_once, None] + np.arange(width)
            drawn = part if is_whole else np.empty((ahead.size, width * per_block), dtype.storage)
            self.draw(draw, dtype, key, blocks.reshape(-1), drawn.reshape(-1))
            for offset in () if is_whole else np.flatnonzero(np.bincount(ahead)).tolist():
                chosen = ahead == offset
                part[chosen] = drawn[chosen, offset : offset + run]

    def _fill_drawn(self, draw: Draw, dtype: DType, key: Key, first: int, out: Storage) -> None:
        """Draw whole blocks into `out`, and the cut ones at its ends into scratch."""
        per_block = elements_per_block(dtype)
        done = min(-first % per_block, out.size)
        if done:
            self._fill_within_block(draw, dtype, key, first, out[:done])
        whole = (out.size - done) // per_block * per_block
        if whole:
            self.draw(draw, dtype, key, (first + done) // per_block, out[done : done + whole])
        if done + whole < out.size:
            self._fill_within_block(draw, dtype, key, first + done + whole, out[done + whole :])

    def _fill_within_block(self, draw: Draw, dtype: DType, key: Key, first: int, out: Storage) -> None:
        per_block = elements_per_block(dtype)
        block, offset = divmod(first, per_block)
        scratch = np.empty(per_block, dtype.storage)
        self.draw(draw, dtype, key, block, scratch)
        out[:] = scratch[offset : offset + out.size]


@lru_cache(maxsize=4096)
def formula(draw: Draw, dtype: DType) -> Formula:
    """As `draw.formula`, cached: a truncated normal's needs tails of 60 digits."""
    return draw.formula(dtype)


def elements_per_block(dtype: DType) -> int:
    """Draws of a Philox block of four words: four in float32, two in float64."""
    return 2 if dtype.draw == "float64" else 4
