"""Tensors that share memory: ties, which are drawn once, and overlaps."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import torch

_PLAIN = frozenset({torch.nn.Parameter, torch.Tensor})


def address_of(tensor: torch.Tensor) -> int:
    """The address of the first element; 0 where there is none, as on meta, or of a shard."""
    return tensor.data_ptr() if type(tensor) in _PLAIN else 0


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
    starts = np.array(addresses, np.uint64)
    order = np.argsort(starts, kind="stable")
    starts = starts[order]
    ends = starts + np.array([tensor.nbytes for tensor in tensors], np.uint64)[order]
    for position in np.flatnonzero((ends[:-1] > starts[1:]) & (starts[:-1] > 0)):
        one, other = int(order[position]), int(order[position + 1])
        first, second = tensors[one], tensors[other]
        if first.device == second.device and first.is_contiguous() and second.is_contiguous():
            yield one, other
