"""What the executors share: ranges and selections of elements, and all that needs no random bits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions import (
    Constant,
    Distribution,
    Normal,
    Sparse,
    TruncNormal,
    Uniform,
    ZeroRange,
)
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.structured import structured
from tensorseed.sampling.low_precision import encode
from tensorseed.sampling.permutation import PURPOSE, kept_elements, kept_range
from tensorseed.sampling.philox import Key, Stream

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

    def fill(self, what: Distribution, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Fill `out` with the elements `first`, `first + 1`, … of the row-major tensor."""
        match what:
            case ZeroRange(base, start, stop):
                self.fill(base, dtype, stream, first, out)
                out[max(start - first, 0) : max(stop - first, 0)] = 0
            case Constant(value):
                _fill(out, encode(np.array([value]), dtype))
            case Sparse():
                self._fill_drawn(Normal(0.0, what.std), dtype, stream.key(), first, out)
                _zero(out, kept_range(what, stream.key(PURPOSE), first, out.size))
            case Uniform() | Normal() | TruncNormal():
                self._fill_drawn(what, dtype, stream.key(), first, out)
            case _:
                elements = np.arange(first, first + out.size, dtype=np.int64)
                out[:] = encode(structured(what, stream, elements), dtype)

    def gather(
        self,
        what: Distribution,
        dtype: DType,
        stream: Stream,
        elements: npt.NDArray[np.int64],
        out: Storage,
    ) -> None:
        """Fill `out` with the listed elements, in their order."""
        match what:
            case ZeroRange(base, start, stop):
                self.gather(base, dtype, stream, elements, out)
                out[(elements >= start) & (elements < stop)] = 0
            case Constant():
                self.fill(what, dtype, stream, 0, out)
            case Sparse():
                self._gather_drawn(Normal(0.0, what.std), dtype, stream.key(), elements, out)
                keep = np.empty(out.size, np.uint8)
                words = tuple(map(np.uint32, stream.key(PURPOSE)))
                kept_elements(keep, elements, what.columns, what.rows, what.zeros, words)
                _zero(out, keep)
            case Uniform() | Normal() | TruncNormal():
                self._gather_drawn(what, dtype, stream.key(), elements, out)
            case _:
                out[:] = encode(structured(what, stream, elements), dtype)

    def _gather_drawn(
        self, what: Drawn, dtype: DType, key: Key, elements: npt.NDArray[np.int64], out: Storage
    ) -> None:
        """Each element's whole block, and of it the element."""
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


def _fill(out: Storage, element: Storage) -> None:
    """Set all elements to one; byte by byte where its bytes are all alike, which is what zeros are."""
    octets = element.view(np.uint8)
    if (octets == octets[0]).all():
        out.view(np.uint8).fill(octets[0])
    else:
        out.fill(element[0])


def _zero(out: Storage, keep: npt.NDArray[np.uint8]) -> None:
    """Set the elements that are not kept to +0."""
    bits = out.view(f"u{out.itemsize}")
    np.multiply(bits, keep, out=bits)


def elements_per_block(dtype: DType) -> int:
    """A Philox block of four words gives four float32 draws or two float64 ones."""
    return 2 if dtype.draw == "float64" else 4
