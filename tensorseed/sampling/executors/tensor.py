"""Torch executor: the same formulas in torch operations, on any device."""

from __future__ import annotations

from typing import Any, assert_never

import numpy as np
import torch

from tensorseed.sampling.distributions.base import Draw, Storage
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import Blocks, Executor, elements_per_block, formula
from tensorseed.sampling.philox import Key, philox4x32
from tensorseed.sampling.transforms32 import near_trunc_normal32, normal32, trunc_normal32, uniform32
from tensorseed.sampling.transforms64 import normal64, trunc_normal64, uniform64

MAX_BLOCKS = 1 << 18  # drawn at a time


class TensorExecutor(Executor):
    """Draws on `device`. Words are int64 tensors, values float32 or float64 ones."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)

    def draw(self, draw: Draw, dtype: DType, key: Key, blocks: Blocks, out: Storage) -> None:
        """Fill `out`, at most `MAX_BLOCKS` blocks at a time."""
        per_block = elements_per_block(dtype)
        for i in range(0, out.size // per_block, MAX_BLOCKS):
            count = min(MAX_BLOCKS, out.size // per_block - i)
            if isinstance(blocks, np.ndarray):
                numbers = torch.from_numpy(blocks[i : i + count].copy()).to(self.device)
            else:
                numbers = torch.arange(count, dtype=torch.int64, device=self.device) + (blocks + i)
            drawn = self.blocks(draw, dtype, key, numbers).cpu().numpy()
            out[per_block * i : per_block * (i + count)] = drawn.view(dtype.storage)

    def elements(self, draw: Draw, dtype: DType, key: Key, first: int, count: int) -> torch.Tensor:
        """The bytes of `count` elements from `first` on, on the device."""
        per_block = elements_per_block(dtype)
        start, stop = first // per_block, -(-(first + count) // per_block)
        blocks = torch.arange(start, stop, dtype=torch.int64, device=self.device)
        skipped = (first - start * per_block) * dtype.itemsize
        return self.blocks(draw, dtype, key, blocks)[skipped : skipped + count * dtype.itemsize]

    def blocks(self, draw: Draw, dtype: DType, key: Key, blocks: torch.Tensor) -> torch.Tensor:
        """The bytes of the elements of listed blocks, one block after the other, on the device."""
        values = torch.stack(_values(draw, dtype, key, blocks), dim=1).reshape(-1)
        return values.to(getattr(torch, dtype.name)).view(torch.uint8)


def _values(draw: Draw, dtype: DType, key: Key, blocks: torch.Tensor) -> list[torch.Tensor]:
    """The elements of each block: four tensors of float32, or two of float64."""
    c2, c3 = torch.full_like(blocks, key.c2), torch.full_like(blocks, key.c3)
    words: tuple[Any, ...] = philox4x32(blocks & 0xFFFFFFFF, blocks >> 32, c2, c3, key.k0, key.k1)
    transform, arguments = formula(draw, dtype)
    match transform:
        case "uniform32":
            return [uniform32(word, *arguments) for word in words]
        case "normal32":
            return [*normal32(*words[:2], *arguments), *normal32(*words[2:], *arguments)]
        case "trunc_normal32":
            return [trunc_normal32(word, *arguments) for word in words]
        case "near_trunc_normal32":
            return [near_trunc_normal32(word, *arguments) for word in words]
        case "uniform64":
            return [uniform64(*pair, *arguments) for pair in (words[:2], words[2:])]
        case "normal64":
            return list(normal64(*words, *arguments))
        case "trunc_normal64":
            return [trunc_normal64(*pair, *arguments) for pair in (words[:2], words[2:])]
        case _:
            assert_never(transform)
