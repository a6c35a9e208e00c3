"""The executor of one chunk on a device that computes and copies while the host does other things."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions import Distribution, Normal, TruncNormal, Uniform
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import Drawn, Executor, Storage
from tensorseed.sampling.philox import Key, Stream

if TYPE_CHECKING:
    import torch

    from tensorseed.sampling.executors.tensor import TensorExecutor

Bytes = npt.NDArray[np.uint8]
Arrival = Callable[[], Bytes]  # waits for a copy, and gives it

PIECE = 1 << 20  # elements drawn and sent at a time


class PipelinedExecutor(Executor):
    """Draws that fill a part of `chunk` arrive at `synchronize`; everything else is done in the call.

    `send` starts to copy a device's bytes to the host. Before `synchronize`, `chunk` may not be read, and the
    parts under way may not be written. What writes twice, such as a padding row, is done in the call.
    """

    def __init__(
        self, at_once: TensorExecutor, send: Callable[[torch.Tensor], Arrival], chunk: Bytes
    ) -> None:
        self._at_once = at_once
        self._send = send
        self._chunk = chunk
        self._under_way: list[tuple[Storage, Arrival]] = []

    def draw(
        self, what: Drawn, dtype: DType, key: Key, blocks: int | npt.NDArray[np.int64], out: Storage
    ) -> None:
        """Fill `out` at once."""
        self._at_once.draw(what, dtype, key, blocks, out)

    def fill(self, what: Distribution, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Fill `out`: by `synchronize` where it is part of the chunk and nothing but drawn, else at once."""
        match what:
            case Uniform() | Normal() | TruncNormal() if np.may_share_memory(out, self._chunk):
                for i in range(0, out.size, PIECE):
                    part = out[i : i + PIECE]
                    drawn = self._at_once.elements(what, dtype, stream.key(), first + i, part.size)
                    self._under_way.append((part, self._send(drawn)))
            case _:
                self._at_once.fill(what, dtype, stream, first, out)

    def gather(
        self,
        what: Distribution,
        dtype: DType,
        stream: Stream,
        elements: npt.NDArray[np.int64],
        out: Storage,
    ) -> None:
        """Fill `out` at once."""
        self._at_once.gather(what, dtype, stream, elements, out)

    def synchronize(self) -> None:
        """Wait for what is under way, and put it where it belongs."""
        for part, arrived in self._under_way:
            part[:] = arrived().view(part.dtype)
        self._under_way.clear()
