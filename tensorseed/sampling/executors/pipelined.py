"""Executor of one chunk that a device computes in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions.base import Distribution, Draw, Indices, Storage
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import Blocks, Executor
from tensorseed.sampling.philox import Key, Stream

if TYPE_CHECKING:
    import torch

    from tensorseed.sampling.executors.tensor import TensorExecutor

Bytes = npt.NDArray[np.uint8]
Arrival = Callable[[], Bytes]  # waits for a copy to the host, and returns it

PIECE = 1 << 20  # elements drawn and sent at a time


class PipelinedExecutor(Executor):
    """Draws that fill a part of `chunk` arrive at `synchronize`; everything else is done in the call.

    `send` starts to copy a device's bytes to the host. Before `synchronize`, `chunk` may not be read, and the
    parts under way may not be written. What writes twice, such as a padding row, is done in the call.
    """

    def __init__(
        self, executor: TensorExecutor, send: Callable[[torch.Tensor], Arrival], chunk: Bytes
    ) -> None:
        self._executor = executor
        self._send = send
        self._chunk = chunk
        self._under_way: list[tuple[Storage, Arrival]] = []

    def draw(self, draw: Draw, dtype: DType, key: Key, blocks: Blocks, out: Storage) -> None:
        """Fill `out` in the call."""
        self._executor.draw(draw, dtype, key, blocks, out)

    def fill(
        self, distribution: Distribution, dtype: DType, stream: Stream, first: int, out: Storage
    ) -> None:
        """Fill `out`: by `synchronize` where it is a draw into the chunk, else in the call."""
        if not (isinstance(distribution, Draw) and np.may_share_memory(out, self._chunk)):
            self._executor.fill(distribution, dtype, stream, first, out)
            return
        for i in range(0, out.size, PIECE):
            part = out[i : i + PIECE]
            drawn = self._executor.elements(distribution, dtype, stream.key(), first + i, part.size)
            self._under_way.append((part, self._send(drawn)))

    def gather(
        self, distribution: Distribution, dtype: DType, stream: Stream, indices: Indices, out: Storage
    ) -> None:
        """Fill `out` in the call."""
        self._executor.gather(distribution, dtype, stream, indices, out)

    def synchronize(self) -> None:
        """Wait for the draws under way, and put them into the chunk."""
        for part, arrived in self._under_way:
            part[:] = arrived().view(part.dtype)
        self._under_way.clear()
