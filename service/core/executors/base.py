"""What the executors share: ranges and selections of elements, and all that needs no random bits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from service.core.distributions import (
    Constant,
    Distribution,
    Eye,
    Normal,
    TruncNormal,
    Uniform,
    Values,
    ZeroRange,
)
from service.core.dtypes import DType
from service.core.executors.narrowing import encode
from service.core.philox import Key

Storage = npt.NDArray[Any]
Drawn = Uniform | Normal | TruncNormal

GATHER_TILE = 8_192  # elements


class Executor(ABC):
    """Fills storage with elements of a tensor that is described by a distribution, a dtype and a key."""

    @abstractmethod
    def draw(
        self, what: Drawn, dtype: DType, key: Key, blocks: int | npt.NDArray[np.int64], out: Storage
    ) -> None:
        """Fill `out`, a whole number of Philox blocks: from a first block on, or a list of blocks."""

    def fill(self, what: Distribution, dtype: DType, key: Key, first: int, out: Storage) -> None:
        """Fill `out` with the elements `first`, `first + 1`, … of the row-major tensor."""
        match what:
            case ZeroRange(base, start, stop):
                self.fill(base, dtype, key, first, out)
                out[max(start - first, 0) : max(stop - first, 0)] = 0
            case Constant(value):
                out[:] = encode(np.array([value]), dtype)
            case Values(data):
                out[:] = encode(np.array(data[first : first + out.size], np.float64), dtype)
            case Eye(columns):
                out[:] = 0
                step = columns + 1
                start, last = -(-first // step) * step - first, columns * step - first
                out[start : max(last, 0) : step] = encode(np.ones(1), dtype)
            case _:
                self._fill_drawn(what, dtype, key, first, out)

    def gather(
        self, what: Distribution, dtype: DType, key: Key, elements: npt.NDArray[np.int64], out: Storage
    ) -> None:
        """Fill `out` with the listed elements, in their order."""
        match what:
            case ZeroRange(base, start, stop):
                self.gather(base, dtype, key, elements, out)
                out[(elements >= start) & (elements < stop)] = 0
            case Constant():
                self.fill(what, dtype, key, 0, out)
            case Values(data):
                out[:] = encode(np.array(data, np.float64)[elements], dtype)
            case Eye(columns):
                out[:] = encode((elements // columns == elements % columns).astype(np.float64), dtype)
            case _:
                per_block = elements_per_block(dtype)
                for i in range(0, out.size, GATHER_TILE):
                    chosen = elements[i : i + GATHER_TILE]
                    blocks = np.empty((chosen.size, per_block), dtype.storage)
                    self.draw(what, dtype, key, chosen // per_block, blocks.reshape(-1))
                    out[i : i + GATHER_TILE] = blocks[np.arange(chosen.size), chosen % per_block]

    def _fill_drawn(self, what: Drawn, dtype: DType, key: Key, first: int, out: Storage) -> None:
        """Whole blocks straight into `out`; a block that `out` cuts goes by way of a scratch one."""
        per_block = elements_per_block(dtype)
        done = min(-first % per_block, out.size)
        if done:
            self._fill_within_block(what, dtype, key, first, out[:done])
        whole = (out.size - done) // per_block * per_block
        if whole:
            self.draw(what, dtype, key, (first + done) // per_block, out[done : done + whole])
        if done + whole < out.size:
            self._fill_within_block(what, dtype, key, first + done + whole, out[done + whole :])

    def _fill_within_block(self, what: Drawn, dtype: DType, key: Key, first: int, out: Storage) -> None:
        per_block = elements_per_block(dtype)
        block, offset = divmod(first, per_block)
        scratch = np.empty(per_block, dtype.storage)
        self.draw(what, dtype, key, block, scratch)
        out[:] = scratch[offset : offset + out.size]


def elements_per_block(dtype: DType) -> int:
    """A Philox block of four words gives four float32 draws or two float64 ones."""
    return 2 if dtype.draw == "float64" else 4
