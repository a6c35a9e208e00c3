"""Tensors that share memory: ties, which are drawn once, and overlaps."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import torch

_PLAIN = frozenset({torch.nn.Parameter, torch.Tensor})


def address_of(tensor: torch.Tensor) -> int:
    """The address of the first element; 0 of a shard, and where there is none, as on meta."""
    try:
        return tensor.data_ptr() if type(tensor) in _PLAIN else 0
    except RuntimeError:  # a sparse one
        return 0


def share_memory(addresses: Sequence[int]) -> bool:
    """Whether two tensors begin at one address."""
    different = {*addresses}
    different.discard(0)
    return len(addresses) - addresses.count(0) > len(different)


def memory_of(tensor: torch.Tensor) -> Hashable:
    """What is equal for tensors that show the same elements."""
    address = address_of(tensor)
    return (address, tensor.shape, tensor.stride(), tensor.dtype) if address else id(tensor)


def overlaps(tensors: Sequence[torch.Tensor], addresses: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the indices of contiguous tensors that share elements with the next one in memory."""
    sizes = [tensor.nbytes if address else 0 for tensor, address in zip(tensors, addresses, strict=True)]
    starts = np.array(addresses, np.uint64)
    order = np.argsort(starts, kind="stable")
    starts = starts[order]
    ends = starts + np.array(sizes, np.uint64)[order]
    for position in np.flatnonzero((ends[:-1] > starts[1:]) & (starts[:-1] > 0)):
        one, other = int(order[position]), int(order[position + 1])
        first, second = tensors[one], tensors[other]
        if first.device == second.device and first.is_contiguous() and second.is_contiguous():
            yield one, other
