"""The CPU executor: numba loops that release the GIL, so that threads run them side by side."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from tensorseed.sampling import kernels
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import Drawn, Executor, Storage
from tensorseed.sampling.low_precision import narrow
from tensorseed.sampling.parameters import formula
from tensorseed.sampling.philox import Key

TILE = 32_768  # float32 elements that are drawn before they are rounded to a narrow dtype: 128 KiB

_scratch = threading.local()


class CompiledExecutor(Executor):
    """Draws with the loops of `kernels.py`, in the calling thread."""

    def draw(
        self, what: Drawn, dtype: DType, key: Key, blocks: int | npt.NDArray[np.int64], out: Storage
    ) -> None:
        """Fill `out`; a narrow dtype is drawn in float32, tile by tile, and rounded."""
        name, numbers = formula(what, dtype)
        loop = kernels.DRAWS[name]
        words = tuple(map(np.uint32, key))
        if dtype.itemsize >= 4:
            loop(out, blocks, words, numbers)
            return
        for i in range(0, out.size, TILE):
            tile = _tile()[: min(TILE, out.size - i)]
            part = blocks[i // 4 :] if isinstance(blocks, np.ndarray) else blocks + i // 4
            loop(tile, part, words, numbers)
            narrow(tile, dtype, out[i : i + tile.size])


def _tile() -> npt.NDArray[np.float32]:
    """This thread's scratch."""
    if not hasattr(_scratch, "tile"):
        _scratch.tile = np.empty(TILE, np.float32)
    tile: npt.NDArray[np.float32] = _scratch.tile
    return tile
