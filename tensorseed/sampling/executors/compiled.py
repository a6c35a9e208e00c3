"""CPU executor: numba kernels that release the GIL."""

from __future__ import annotations

import numpy as np

from tensorseed.sampling.addresses import address_of
from tensorseed.sampling.distributions.base import Distribution, Draw, Indices, Storage
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import Blocks, Executor, Ranges, formula
from tensorseed.sampling.executors.range_batches import (
    PER_BLOCK,
    draw_listed,
    draw_many,
    draw_range,
    draw_ranges,
    draw_runs,
    is_ranged,
)
from tensorseed.sampling.kernels import DRAWS
from tensorseed.sampling.philox import Key, Stream

MIN_RUN_DRAWN = 128  # elements of a run from which on it is drawn where it belongs


class CompiledExecutor(Executor):
    """Draws with the kernels of `kernels.py` and `range_kernels.py`, in the calling thread."""

    def draw(self, draw: Draw, dtype: DType, key: Key, blocks: Blocks, out: Storage) -> None:
        """Fill `out`."""
        drawn = formula(draw, dtype)
        if dtype.draw == "float64":
            DRAWS[drawn.transform](out, blocks, key.words(), drawn.arguments)
        elif isinstance(blocks, np.ndarray):
            draw_listed(drawn, dtype, address_of(out), blocks, key)
        else:
            draw_range(drawn, dtype, address_of(out), blocks, out.size // PER_BLOCK, key)

    def fill_many(self, seed: int, ranges: Ranges) -> None:
        """Fill the memory of every range, many in a call of a kernel."""
        super().fill_many(seed, draw_many(seed, ranges))

    def fill_runs(
        self, distribution: Distribution, dtype: DType, stream: Stream, starts: Indices, out: Storage
    ) -> None:
        """Fill each row of `out`; the whole blocks of long runs are drawn where they belong, in one call."""
        run = out.shape[1]
        if not out.size or not is_ranged(distribution, dtype) or run < MIN_RUN_DRAWN:
            super().fill_runs(distribution, dtype, stream, starts, out)
            return
        drawn, key = formula(distribution, dtype), stream.key()
        blocks = -(-starts // PER_BLOCK)  # the first whole ones
        heads = blocks * PER_BLOCK - starts
        head, address, pitch = int(heads[0]), address_of(out), out.strides[0]
        if (heads == head).all():
            count = (run - head) // PER_BLOCK
            draw_runs(drawn, dtype, address + head * out.itemsize, pitch, blocks, count, key)
        else:
            addresses = address + np.arange(starts.size) * pitch + heads * out.itemsize
            draw_ranges(drawn, dtype, addresses, blocks, (run - heads) // PER_BLOCK, key)
        if run % PER_BLOCK or heads.any():
            self._draw_ends(distribution, dtype, key, starts, out)

    def _draw_ends(self, draw: Draw, dtype: DType, key: Key, starts: Indices, out: Storage) -> None:
        """Draw the blocks that the ends of the runs cut, and pick the elements."""
        run, offsets = out.shape[1], starts % PER_BLOCK
        ends = np.empty((starts.size, 2, PER_BLOCK), out.dtype)
        blocks = np.stack((starts, starts + run), axis=1) // PER_BLOCK
        self.draw(draw, dtype, key, blocks.reshape(-1), ends.reshape(-1))
        for offset in np.flatnonzero(np.bincount(offsets)).tolist():
            rows = np.flatnonzero(offsets == offset)
            head, tail = -offset % PER_BLOCK, (offset + run) % PER_BLOCK
            if head:
                out[rows, :head] = ends[rows, 0, offset:]
            if tail:
                out[rows, run - tail :] = ends[rows, 1, :tail]
