"""The torch executor: the same formulas in torch operations, on any device that torch has."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tensorseed.sampling import transforms32, transforms64
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import Drawn, Executor, Storage, elements_per_block
from tensorseed.sampling.parameters import formula
from tensorseed.sampling.philox import Key, philox4x32

BLOCKS_AT_ONCE = 1 << 18


class TensorExecutor(Executor):
    """Draws on `device`. Words are int64 tensors, values float32 or float64 ones."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)

    def draw(
        self, what: Drawn, dtype: DType, key: Key, blocks: int | npt.NDArray[np.int64], out: Storage
    ) -> None:
        """Fill `out`, at most `BLOCKS_AT_ONCE` blocks at a time."""
        per_block = elements_per_block(dtype)
        for i in range(0, out.size // per_block, BLOCKS_AT_ONCE):
            count = min(BLOCKS_AT_ONCE, out.size // per_block - i)
            if isinstance(blocks, np.ndarray):
                numbers = torch.from_numpy(blocks[i : i + count].copy()).to(self.device)
            else:
                numbers = torch.arange(count, dtype=torch.int64, device=self.device) + (blocks + i)
            drawn = self._rounded(what, dtype, key, numbers).cpu().numpy()
            out[per_block * i : per_block * (i + count)] = drawn.view(dtype.storage)

    def elements(self, what: Drawn, dtype: DType, key: Key, first: int, count: int) -> torch.Tensor:
        """The bytes of the elements `first`, `first + 1`, …, of which there are `count`, on the device."""
        per_block = elements_per_block(dtype)
        start, stop = first // per_block, -(-(first + count) // per_block)
        blocks = torch.arange(start, stop, dtype=torch.int64, device=self.device)
        skipped = (first - start * per_block) * dtype.itemsize
        return self._rounded(what, dtype, key, blocks)[skipped : skipped + count * dtype.itemsize]

    def _rounded(self, what: Drawn, dtype: DType, key: Key, blocks: torch.Tensor) -> torch.Tensor:
        """The bytes of each block's elements in their dtype."""
        values = torch.stack(self._values(what, dtype, key, blocks), dim=1).reshape(-1)
        return values.to(getattr(torch, dtype.name)).view(torch.uint8)

    def _values(self, what: Drawn, dtype: DType, key: Key, blocks: torch.Tensor) -> list[torch.Tensor]:
        """The elements of each block: four tensors, or two of float64."""
        c2, c3 = torch.full_like(blocks, key.c2), torch.full_like(blocks, key.c3)
        words: tuple[Any, ...] = philox4x32(blocks & 0xFFFFFFFF, blocks >> 32, c2, c3, key.k0, key.k1)
        name, numbers = formula(what, dtype)
        if name == "normal64":
            return list(transforms64.normal64(*words, *numbers))
        if name == "normal32":
            first, second = words[:2], words[2:]
            return [*transforms32.normal32(*first, *numbers), *transforms32.normal32(*second, *numbers)]
        if dtype.draw == "float64":
            draw = getattr(transforms64, name)
            return [draw(*words[i : i + 2], *numbers) for i in (0, 2)]
        draw = getattr(transforms32, name)
        return [draw(word, *numbers) for word in words]
