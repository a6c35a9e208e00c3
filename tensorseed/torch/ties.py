"""Tensors that share memory: ties, which are drawn once, and overlaps."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from tensorseed.sampling.distributions.base import Indices
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
    tensors: Sequence[torch.Tensor], starts: npt.NDArray[np.uint64], nbytes: Indices
) -> Iterator[tuple[int, int]]:
    """Yield the indices of tensors that share elements: a dense one, and one that begins inside it.

    `starts` are the addresses; a tensor without one shares nothing. Tensors with gaps, such as columns of a
    matrix, may lie between each other's elements.
    """
    sizes = np.where(starts == 0, 0, nbytes).astype(np.uint64)
    order = np.argsort(starts, kind="stable")
    ends = starts + sizes
    furthest_ends = np.maximum.accumulate(ends[order])
    if not bool((furthest_ends[:-1] > starts[order][1:]).any()):
        return
    furthest: dict[torch.device, int] = {}  # the dense tensor of a device that ends last
    for index in order[sizes[order] > 0].tolist():
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
