"""Tensors that share memory: ties, which are drawn once, and overlaps."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import torch

from tensorseed.torch.memory import PLAIN


def address_of(tensor: torch.Tensor) -> int:
    """The address of the first element; 0 of a shard, and where there is none, as on meta."""
    try:
        return tensor.data_ptr() if type(tensor) in PLAIN else 0
    except RuntimeError:  # a sparse one
        return 0


def addresses_of(tensors: Sequence[torch.Tensor]) -> list[int]:
    """The address of each."""
    try:
        if PLAIN.issuperset(map(type, tensors)):  # which a loop in Python takes several times as long for
            return [*map(torch.Tensor.data_ptr, tensors)]
    except RuntimeError:
        pass
    return [*map(address_of, tensors)]


def share_memory(addresses: Sequence[int]) -> bool:
    """Whether two tensors begin at one address."""
    different = {*addresses}
    different.discard(0)
    return len(addresses) - addresses.count(0) > len(different)


def memory_of(tensor: torch.Tensor) -> Hashable:
    """What is equal for tensors that show the same elements."""
    address = address_of(tensor)
    return (address, tensor.shape, tensor.stride(), tensor.dtype) if address else id(tensor)


def overlaps(
    tensors: Sequence[torch.Tensor], addresses: Sequence[int], nbytes: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield the indices of tensors that share elements: a dense one, and one that begins inside it.

    Tensors with gaps, such as columns of a matrix, may lie between each other's elements.
    """
    sizes = [size if address else 0 for size, address in zip(nbytes, addresses, strict=True)]
    starts = np.array(addresses, np.uint64)
    order = np.argsort(starts, kind="stable")
    ends = starts + np.array(sizes, np.uint64)
    furthest_ends = np.maximum.accumulate(ends[order])
    if not bool((furthest_ends[:-1] > starts[order][1:]).any()):
        return
    furthest: dict[torch.device, int] = {}  # the dense tensor of a device that ends last
    for index in filter(sizes.__getitem__, map(int, order)):
        tensor = tensors[index]
        last = furthest.get(tensor.device)
        if last is not None and ends[last] > starts[index]:
            yield last, index
        if _is_dense(tensor) and (last is None or ends[index] >= ends[last]):
            furthest[tensor.device] = index


def _is_dense(tensor: torch.Tensor) -> bool:
    """Whether the elements lie one beside the other, in any order of dimensions."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and stride != expected:
            return False
        expected *= size
    return True
