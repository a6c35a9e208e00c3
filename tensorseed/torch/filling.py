"""Filling of torch tensors in place, whole or sharded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.devices.local import kernels_ready
from tensorseed.errors import TensorError
from tensorseed.files import device_filling
from tensorseed.files.elements import NO_PARTS, DrawnElements, Parts
from tensorseed.files.filling import Fill, fill_arrays
from tensorseed.files.slices import Box
from tensorseed.sampling.distributions.base import Storage
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor
from tensorseed.torch.memory import (
    Sizes,
    check_fillable,
    check_memory,
    dtype_of,
    increment_versions,
    is_dtensor,
    plain_addresses,
)

STAGED_BYTES = 1 << 26  # that are computed at a time, and then copied into memory with other strides


class Part(NamedTuple):
    """The local memory of a tensor, or of a box of it."""

    tensor: ResolvedTensor
    local: torch.Tensor
    box: Box

    def fill(self, out: Storage | int) -> Fill:
        """The filling of an array, or of the memory at an address, with its elements."""
        return Fill(self.tensor, out, None if self.box.shape == self.box.full else self.box)


def fill_tensors(
    tensors: Sequence[torch.Tensor],
    addresses: Sequence[int],
    drawn: Sequence[ResolvedTensor],
    sizes: Sizes,
    seed: int,
) -> None:
    """Fill tensors in place with the elements that the service sends for `seed`.

    The addresses are those of `addresses_of`, the sizes those of `sizes_of`.
    What is `drawn` describes a whole tensor; the shard of a DTensor gets its slice.
    No process communicates with another, and the random state of torch is untouched.

    Raises:
        TensorError: a tensor cannot be filled; none has been written.
    """
    with torch.no_grad():
        starts = np.array(plain_addresses(tensors, addresses, sizes), np.int64)
        others = np.flatnonzero(starts == 0).tolist()
        parts = [part for i in others for part in _parts(tensors[i], drawn[i])]
        plain: Sequence[torch.Tensor] = tensors
        elements = sizes.elements
        if others:
            chosen = np.flatnonzero(starts).tolist()
            starts, elements = starts[chosen], elements[chosen]
            plain, drawn = [tensors[i] for i in chosen], [drawn[i] for i in chosen]
        _fill(Parts(drawn, np.zeros_like(starts), starts, elements), parts, seed)
        torch.autograd.graph.increment_version(plain)
        increment_versions([*(tensors[i] for i in others), *(part.local for part in parts)])


def fill_part(tensor: torch.Tensor, resolved: ResolvedTensor, box: Box, seed: int) -> None:
    """Fill a plain tensor in place with the elements of a box of a whole one; see `fill_tensors`."""
    check_fillable(tensor)
    with torch.no_grad():
        _fill(NO_PARTS, [Part(resolved, tensor, box)], seed)
        increment_versions([tensor])


def _fill(wholes: Parts, parts: Sequence[Part], seed: int) -> None:
    threads, fills = kernels_ready(), []
    source = DrawnElements(ResolvedSpec(seed, "philox", "auto", (), ""))
    staged: list[Part] = []
    for part in parts:
        device = part.local.device
        if not part.local.numel() or _filled_there(part, seed):
            continue
        if device.type == "cpu" and part.local.is_contiguous() and not part.local.is_neg():
            fills.append(part.fill(part.local.data_ptr()))
        else:
            staged.extend(_slabs(part))
    fill_arrays(fills, source, threads, wholes)
    for batch in _batches(staged):
        arrays = [np.empty(part.box.shape, part.tensor.dtype.storage) for part in batch]
        fill_arrays([*map(Part.fill, batch, arrays)], source, threads)
        for part, out in zip(batch, arrays, strict=True):
            part.local.detach().copy_(torch.from_numpy(out).view(part.local.dtype))


def _filled_there(part: Part, seed: int) -> bool:
    """Fill the memory of a device that draws; False where the CPU has to compute the elements."""
    if part.local.device.type not in device_filling.DRAWING:
        return False
    with default_float_environment():
        if part.local.is_contiguous():
            return device_filling.fill_on_device(part.tensor, part.box, part.local.detach(), seed)
        for slab in _slabs(part):
            drawn = torch.empty_like(slab.local, memory_format=torch.contiguous_format)
            if not device_filling.fill_on_device(slab.tensor, slab.box, drawn, seed):
                return False
            slab.local.detach().copy_(drawn)
    return True


def _parts(tensor: torch.Tensor, resolved: ResolvedTensor) -> list[Part]:
    """Return the memory of this process for a whole tensor.

    Raises:
        TensorError: it cannot be filled; the message has its name.
    """
    try:
        return _checked_parts(tensor, resolved)
    except TensorError as error:
        raise TensorError(f"{resolved.name}: {error}") from None


def _checked_parts(tensor: torch.Tensor, resolved: ResolvedTensor) -> list[Part]:
    whole = tuple(tensor.shape)
    local = tensor.to_local() if is_dtensor(tensor) else tensor
    check_memory(local)
    assert (resolved.dtype, resolved.shape) == (dtype_of(tensor), whole), resolved.name
    if not is_dtensor(tensor):
        return [Part(resolved, tensor, Box.whole(whole))]
    from tensorseed.torch.shards import pieces

    return [Part(resolved, piece.local, piece.box) for piece in pieces(tensor, local)]


def _slabs(part: Part) -> Iterator[Part]:
    """Cut a part along its first dimensions, so that none exceeds the memory for staging."""
    size = part.local.nbytes
    if size <= STAGED_BYTES:
        yield part
        return
    dim = next(dim for dim, n in enumerate(part.box.shape) if n > 1)
    count = part.box.shape[dim]
    step = max(1, count * STAGED_BYTES // size)
    for first in range(0, count, step):
        length = min(step, count - first)
        local = part.local.narrow(dim, first, length)
        yield from _slabs(part._replace(local=local, box=_narrow(part.box, dim, first, length)))


def _narrow(box: Box, dim: int, first: int, length: int) -> Box:
    starts, shape = list(box.starts), list(box.shape)
    starts[dim] += first
    shape[dim] = length
    return Box(box.full, tuple(starts), tuple(shape))


def _batches(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Group parts, so that a batch is about the memory for staging."""
    batch: list[Part] = []
    size = 0
    for part in parts:
        if batch and size + part.local.nbytes > STAGED_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += part.local.nbytes
    if batch:
        yield batch
