"""The CPU executor: numba loops that release the GIL, so that threads run them side by side."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorseed.sampling import (
    compact_wy,
    jit_target,
    permutation,
    philox,
    primitives,
    reflections,
    transforms32,
    transforms64,
)
from tensorseed.sampling.distributions import Distribution, Normal, Orthogonal, Sparse, TruncNormal, Uniform
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.executors import kernels
from tensorseed.sampling.executors.base import Drawn, Executor, Storage
from tensorseed.sampling.executors.kernel_cache import keep_in
from tensorseed.sampling.executors.low_precision import narrow
from tensorseed.sampling.parameters import formula
from tensorseed.sampling.philox import Key, Stream

TILE = 32_768  # float32 elements that are drawn before they are rounded to a narrow dtype: 128 KiB

LOOPS = [*kernels.ALL, *reflections.LOOPS, *compact_wy.LOOPS, *permutation.LOOPS]
EXAMPLES: list[Distribution] = [  # that together run every loop
    Uniform(0.0, 1.0),
    Normal(0.0, 1.0),
    TruncNormal(0.0, 1.0, -2.0, 2.0),
    TruncNormal(0.0, 1.0, -3.0, 3.0),
    Sparse(4, 4, 1, 1.0),
    Orthogonal(4, 4, 1.0),
    Orthogonal(8, 4, 1.0),
]

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


def prepare(cache: Path | None) -> None:
    """Compile every loop, or load it from `cache`, so that no request waits for the compiler.

    The cache's folder is named after the sources of all that is compiled in: numba by itself would notice a
    change of `kernels.py`, and not one of the formulas that it calls.
    """
    if cache is not None:
        keep_in(cache / sources_digest(), LOOPS)
    executor, stream = CompiledExecutor(), Stream(0, "")
    for what in EXAMPLES:
        for dtype in (d for d in DTYPES.values() if d.mantissa_bits):
            executor.fill(what, dtype, stream, 0, np.empty(4, dtype.storage))
            executor.gather(what, dtype, stream, np.zeros(1, np.int64), np.empty(1, dtype.storage))


def sources_digest() -> str:
    """Names the exact code that the loops are compiled from."""
    modules: tuple[Any, ...] = (
        jit_target,
        primitives,
        philox,
        transforms32,
        transforms64,
        kernels,
        reflections,
        compact_wy,
        permutation,
    )
    digest = hashlib.sha256(b"".join(Path(str(module.__file__)).read_bytes() for module in modules))
    return digest.hexdigest()[:16]
