"""CPU executor: numba kernels that release the GIL."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tensorseed.sampling.addresses import address_of
from tensorseed.sampling.distributions.base import Distribution, Draw, Indices, Starts, Storage
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import Blocks, Executor, Ranges, formula
from tensorseed.sampling.executors.range_batches import (
    PER_BLOCK,
    FirstElements,
    draw_many,
    draw_runs,
    is_ranged,
)
from tensorseed.sampling.machine_code.entry_points import DRAWS
from tensorseed.sampling.philox import Key, Stream


class CompiledExecutor(Executor):
    """Draws with the kernels of `kernels.py` and `range_kernels.py`, in the calling thread."""

    def draw(self, draw: Draw, dtype: DType, key: Key, blocks: Blocks, out: Storage) -> None:
        """Fill `out`."""
        drawn = formula(draw, dtype)
        if dtype.draw == "float64":
            DRAWS[drawn.transform](out, blocks, key.words(), drawn.arguments)
        elif isinstance(blocks, np.ndarray):
            draw_runs(drawn, dtype, address_of(out), blocks * PER_BLOCK, PER_BLOCK, key)
        else:
            first = blocks * PER_BLOCK
            draw_runs(drawn, dtype, address_of(out), range(first, first + 1), out.size, key)

    def fill(
        self, distribution: Distribution, dtype: DType, stream: Stream, first: int, out: Storage
    ) -> None:
        """Fill `out`; blocks that its ends cut are drawn in the same call."""
        if is_ranged(distribution, dtype):
            drawn, start = formula(distribution, dtype), range(first, first + 1)
            draw_runs(drawn, dtype, address_of(out), start, out.size, stream.key())
        else:
            super().fill(distribution, dtype, stream, first, out)

    def filling(
        self, distribution: Distribution, dtype: DType, size: int
    ) -> Callable[[Stream, Storage], None]:
        """What fills memory with the first elements of streams. All but the key is looked up once."""
        if not is_ranged(distribution, dtype):
            return super().filling(distribution, dtype, size)
        elements = FirstElements(formula(distribution, dtype), dtype, size)
        return lambda stream, out: elements.draw(address_of(out), stream.key())

    def fill_many(self, seed: int, ranges: Ranges) -> None:
        """Fill the memory of every range, many in a call of a kernel."""
        others = draw_many(seed, ranges)
        if others is not None:
            super().fill_many(seed, others)

    def fill_runs(
        self, distribution: Distribution, dtype: DType, stream: Stream, starts: Starts, out: Storage
    ) -> None:
        """Fill each row of `out`, which is contiguous, in one call."""
        if is_ranged(distribution, dtype):
            drawn = formula(distribution, dtype)
            draw_runs(drawn, dtype, address_of(out), starts, out.shape[1], stream.key())
        else:
            super().fill_runs(distribution, dtype, stream, starts, out)

    def gather(
        self, distribution: Distribution, dtype: DType, stream: Stream, indices: Indices, out: Storage
    ) -> None:
        """Fill `out`, by runs of one element."""
        if is_ranged(distribution, dtype):
            draw_runs(formula(distribution, dtype), dtype, address_of(out), indices, 1, stream.key())
        else:
            super().gather(distribution, dtype, stream, indices, out)
