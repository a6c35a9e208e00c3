"""CPU executor: numba kernels that release the GIL."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.addresses import address_of
from tensorseed.sampling.distributions.base import Distribution, Draw, Formula, Indices, Storage
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import Blocks, Executor, Ranges, formula
from tensorseed.sampling.executors.range_batches import (
    PER_BLOCK,
    draw_many,
    draw_ranges,
    draw_runs,
    is_ranged,
)
from tensorseed.sampling.kernels import DRAWS
from tensorseed.sampling.low_precision import BFLOAT16, narrow
from tensorseed.sampling.philox import Key, Stream
from tensorseed.sampling.range_kernels import RANGES

TILE = 32_768  # float32 elements that are drawn before they are rounded to a narrow dtype: 128 KiB
MIN_RUN_DRAWN = 128  # elements of a run from which on it is drawn where it belongs

_scratch = threading.local()


class CompiledExecutor(Executor):
    """Draws with the kernels of `kernels.py` and `range_kernels.py`, in the calling thread."""

    def draw(self, draw: Draw, dtype: DType, key: Key, blocks: Blocks, out: Storage) -> None:
        """Fill `out`; most narrow dtypes are drawn in float32, tile by tile, and rounded."""
        drawn = formula(draw, dtype)
        if dtype.itemsize >= 4 or (dtype is BFLOAT16 and not isinstance(blocks, np.ndarray)):
            _draw(drawn, key, blocks, out)
            return
        for i in range(0, out.size, TILE):
            tile = _tile()[: min(TILE, out.size - i)]
            part = blocks[i // 4 :] if isinstance(blocks, np.ndarray) else blocks + i // 4
            _draw(drawn, key, part, tile)
            narrow(tile, dtype, out[i : i + tile.size])

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
        drawn, like, key = formula(distribution, dtype), out.reshape(-1), stream.key()
        blocks = -(-starts // PER_BLOCK)  # the first whole ones
        heads = blocks * PER_BLOCK - starts
        head, address, pitch = int(heads[0]), address_of(out), out.strides[0]
        if (heads == head).all():
            count = (run - head) // PER_BLOCK
            draw_runs(drawn, like, address + head * out.itemsize, pitch, blocks, count, key)
        else:
            addresses = address + np.arange(starts.size) * pitch + heads * out.itemsize
            draw_ranges(drawn, like, addresses, blocks, (run - heads) // PER_BLOCK, key)
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


def _draw(drawn: Formula, key: Key, blocks: Blocks, out: Storage) -> None:
    """Draw float32, float64 or consecutive bfloat16 elements."""
    if isinstance(blocks, np.ndarray) or drawn.transform not in RANGES:
        DRAWS[drawn.transform](out, blocks, key.words(), drawn.arguments)
    elif out.size:
        draw_ranges(
            drawn,
            out,
            np.array([address_of(out)]),
            np.array([blocks]),
            np.array([out.size // PER_BLOCK]),
            key,
        )


def _tile() -> npt.NDArray[np.float32]:
    """This thread's scratch."""
    if not hasattr(_scratch, "tile"):
        _scratch.tile = np.empty(TILE, np.float32)
    tile: npt.NDArray[np.float32] = _scratch.tile
    return tile
