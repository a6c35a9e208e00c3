"""Tensors that share memory: ties, which are drawn once, and overlaps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

_PLAIN = (torch.nn.Parameter, torch.nn.Buffer, torch.Tensor)


class FirstNames:
    """The first name of every tensor, by identity, or by memory where two tensors show the same."""

    def __init__(self) -> None:
        self._by_identity: dict[int, str] = {}
        self._by_address: dict[int, tuple[str, torch.Tensor]] = {}

    def of(self, name: str, tensor: torch.Tensor) -> str:
        """The name under which the tensor was met first; `name` itself for a new one."""
        first = self._by_identity.setdefault(id(tensor), name)
        if first is name and type(tensor) in _PLAIN and (address := _address(tensor)):
            known = self._by_address.setdefault(address, (name, tensor))
            if known[0] is not name and _is_same(known[1], tensor):
                return known[0]
        return first


def _address(tensor: torch.Tensor) -> int:
    """The address of the first element; 0 where there is none, as on meta."""
    return 0 if tensor.is_meta else tensor.data_ptr()


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors of one address show the same elements."""
    return (
        one.shape == other.shape
        and one.stride() == other.stride()
        and one.dtype == other.dtype
        and one.device == other.device
    )


def overlaps(tensors: dict[str, torch.Tensor]) -> Iterator[tuple[str, str]]:
    """Yield names of neighbours in memory that share elements, of the contiguous tensors."""
    names = [
        name
        for name, tensor in tensors.items()
        if type(tensor) in _PLAIN and tensor.is_contiguous() and _address(tensor)
    ]
    starts = np.array([tensors[name].data_ptr() for name in names], np.uint64)
    sizes = np.array([tensors[name].nbytes for name in names], np.uint64)
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], (starts + sizes)[order]
    for position in np.flatnonzero(ends[:-1] > starts[1:]):
        one, other = names[order[position]], names[order[position + 1]]
        if tensors[one].device == tensors[other].device:
            yield one, other
