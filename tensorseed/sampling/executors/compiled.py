"""CPU executor: numba kernels that release the GIL."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions.base import Draw, Storage
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import Blocks, Executor, formula
from tensorseed.sampling.kernels import DRAWS
from tensorseed.sampling.low_precision import narrow
from tensorseed.sampling.philox import Key

TILE = 32_768  # float32 elements that are drawn before they are rounded to a narrow dtype: 128 KiB

_scratch = threading.local()


class CompiledExecutor(Executor):
    """Draws with the kernels of `kernels.py`, in the calling thread."""

    def draw(self, draw: Draw, dtype: DType, key: Key, blocks: Blocks, out: Storage) -> None:
        """Fill `out`; a narrow dtype is drawn in float32, tile by tile, and rounded."""
        transform, arguments = formula(draw, dtype)
        kernel, words = DRAWS[transform], key.words()
        if dtype.itemsize >= 4:
            kernel(out, blocks, words, arguments)
            return
        for i in range(0, out.size, TILE):
            tile = _tile()[: min(TILE, out.size - i)]
            part = blocks[i // 4 :] if isinstance(blocks, np.ndarray) else blocks + i // 4
            kernel(tile, part, words, arguments)
            narrow(tile, dtype, out[i : i + tile.size])


def _tile() -> npt.NDArray[np.float32]:
    """This thread's scratch."""
    if not hasattr(_scratch, "tile"):
        _scratch.tile = np.empty(TILE, np.float32)
    tile: npt.NDArray[np.float32] = _scratch.tile
    return tile
