"""Filling of device memory with the elements of a tensor, by torch there."""

from __future__ import annotations

from typing import assert_never

import numpy as np
import numpy.typing as npt
import torch

from tensorseed.files.slices import Box, is_contiguous
from tensorseed.sampling.distributions import Constant, Distribution, Draw, Structured, ZeroRange
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.executors.base import elements_per_block
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.executors.tensor import TensorExecutor
from tensorseed.sampling.philox import Key
from tensorseed.spec.resolved import ResolvedTensor

DRAWING = frozenset(["cuda"])
"""The types of devices that draw by torch's operations, with the bits of the CPU."""

PIECE = 1 << 20  # elements drawn at a time
MIN_RUN = 1 << 14  # elements of a run from which on it is drawn by itself

_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def fill_on_device(tensor: ResolvedTensor, box: Box, out: torch.Tensor, seed: int) -> bool:
    """Fill `out` with the elements of a box of `tensor`, on the device of `out`.

    `out` is contiguous and has the shape of the box.
    Return False, with nothing written, for a device or a distribution that the CPU computes.
    """
    if out.device.type not in DRAWING:
        return False
    executor = TensorExecutor(str(out.device))
    stream = tensor.stream_of(seed)
    distribution: Distribution = tensor.distribution
    if not out.numel():
        return True
    zeros = slice(0, 0)
    if isinstance(distribution, ZeroRange):
        width = tensor.numel // tensor.shape[0]
        rows = (distribution.start // width - box.starts[0], distribution.stop // width - box.starts[0])
        zeros = slice(*(min(max(row, 0), box.shape[0]) for row in rows))
        distribution = distribution.base
    match distribution:
        case Constant():
            one = np.empty(1, tensor.dtype.storage)
            CompiledExecutor().fill(distribution, tensor.dtype, stream, 0, one)
            out.copy_(torch.from_numpy(one).view(out.dtype).reshape(()))
        case Draw():
            _draw(distribution, tensor.dtype, stream.key(), box, out, executor)
        case Structured():
            return False
        case _:
            assert_never(distribution)
    if zeros.start < zeros.stop:
        out[zeros] = 0
    return True


def _draw(draw: Draw, dtype: DType, key: Key, box: Box, out: torch.Tensor, executor: TensorExecutor) -> None:
    flat, run = out.view(-1), out.numel() if is_contiguous(box) else box.run
    if run < MIN_RUN and run < flat.numel():
        _draw_runs(draw, dtype, key, box, flat, executor)
        return
    for start in range(0, flat.numel(), run):
        for position in range(start, start + run, PIECE):
            part = flat[position : min(position + PIECE, start + run)]
            drawn = executor.elements(draw, dtype, key, box.element(position), part.numel())
            part.copy_(drawn.view(out.dtype))


def _draw_runs(
    draw: Draw, dtype: DType, key: Key, box: Box, flat: torch.Tensor, executor: TensorExecutor
) -> None:
    """Draw the blocks of many runs together, and pick the elements of each run from its blocks."""
    per_block, run = elements_per_block(dtype), box.run
    count = (run + per_block - 2) // per_block + 1  # blocks that a run touches at most
    together = max(1, PIECE // (count * per_block))
    rows = flat.view(_BITS[dtype.itemsize]).view(-1, run)
    for first in range(0, rows.shape[0], together):
        part = rows[first : first + together]
        starts = torch.from_numpy(_starts(box, first, part.shape[0])).to(flat.device)[:, None]
        blocks = starts // per_block + torch.arange(count, device=flat.device)
        drawn = executor.blocks(draw, dtype, key, blocks.view(-1)).view(rows.dtype).view(blocks.shape[0], -1)
        torch.gather(drawn, 1, starts % per_block + torch.arange(run, device=flat.device), out=part)


def _starts(box: Box, first: int, count: int) -> npt.NDArray[np.int64]:
    """Return the tensor's positions of the first elements of the runs `first`, `first + 1`, …."""
    whole = zip(reversed(box.shape), reversed(box.full), strict=True)
    dims = len(box.full) - 1 - next((i for i, (n, size) in enumerate(whole) if n != size), 0)
    outer = Box(box.full[:dims], box.starts[:dims], box.shape[:dims])
    stride = int(np.prod(box.full[dims + 1 :], dtype=np.int64))
    return (outer.elements(first, count) * box.full[dims] + box.starts[dims]) * stride
