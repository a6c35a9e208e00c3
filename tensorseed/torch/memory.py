"""Memory of torch tensors: checks that it can be filled, and addresses."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from tensorseed.errors import TensorError
from tensorseed.sampling.distributions.base import Indices
from tensorseed.sampling.dtypes import DTYPES, TENSOR_DTYPES, DType
from tensorseed.spec.resolved import ResolvedTensor

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

PLAIN = frozenset([nn.Parameter, nn.Buffer, torch.Tensor])
"""The types of tensors that are no subclasses with a memory of another kind."""

CHECKED = 128  # tensors at a time, whose objects the caches of a core hold

_IS_CPU = attrgetter("is_cpu")  # by loops in C

_DTYPES = {getattr(torch, name): DTYPES[name] for name in TENSOR_DTYPES}


def is_dtensor(tensor: torch.Tensor) -> TypeGuard[DTensor]:
    """Return whether it is a DTensor, without importing them."""
    if type(tensor) in PLAIN:
        return False
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def dtype_of(tensor: torch.Tensor) -> DType:
    """Return the stream's dtype of a tensor.

    Raises:
        TensorError: the stream has no such dtype.
    """
    found = _DTYPES.get(tensor.dtype)
    if found is None:
        valid = ", ".join(TENSOR_DTYPES)
        raise TensorError(f"a tensor of {tensor.dtype} cannot be drawn: use one of {valid}")
    return found


def check_fillable(tensor: torch.Tensor) -> None:
    """Check that a tensor has memory of its own that can be written.

    Raises:
        TensorError: it has not; the message says why, and what to do.
        TypeError: it is no tensor.
    """
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"a tensor of torch is needed, and not {type(tensor).__name__}")
    check_memory(tensor.to_local() if is_dtensor(tensor) else tensor)
    dtype_of(tensor)


def check_memory(tensor: torch.Tensor) -> None:
    """Check that a tensor, which is no DTensor, has memory of its own that can be written.

    Raises:
        TensorError: it has not; the message says why, and what to do.
    """
    fault = _fault(tensor)
    if fault:
        raise TensorError(fault)


def _fault(tensor: torch.Tensor) -> str | None:
    if is_lazy(tensor):
        return "a lazy module's parameter has no shape before its first forward: run a batch through it first"
    if torch._is_functional_tensor(tensor) or torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return "a tensor inside a transform of torch.func has no memory of its own: fill it before that"
    if type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        return f"a {type(tensor).__name__} has no memory of its own: fill the plain tensor that it is made of"
    if tensor.is_meta:
        return "a tensor on the meta device has no memory: call module.to_empty(device=…) first"
    if tensor.is_quantized:
        return "a quantized tensor cannot be drawn: fill the float tensor, then quantize it"
    if tensor.layout is not torch.strided:
        return f"a tensor of layout {tensor.layout} cannot be drawn: fill a dense one, then convert it"
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        return "an inference tensor can be written in torch.inference_mode alone: fill it there, or clone it"
    if overlaps(tensor):
        return "elements of the tensor share memory, as in an expanded one: fill the tensor it is a view of"
    if not _fits_storage(tensor):
        return "the tensor's storage was freed or shrunk, as by resize_(0): give it its size back first"
    return None


def _fits_storage(tensor: torch.Tensor) -> bool:
    """Return whether the storage holds all elements, which torch itself does not ensure."""
    if not tensor.numel() or not torch._C._has_storage(tensor):
        return True
    spans = ((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    end = tensor.storage_offset() + sum(spans) + 1
    return end * tensor.element_size() <= tensor.untyped_storage().nbytes()


def overlaps(tensor: torch.Tensor) -> bool:
    """Return whether two elements of a tensor share memory."""
    if not tensor.numel():
        return False
    span = 0  # from the first element to the last, over the dimensions so far
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and stride <= span:
            break
        span += (size - 1) * stride
    else:
        return False
    offsets = np.zeros(1, np.int64)
    for stride, size in zip(tensor.stride(), tensor.shape, strict=True):
        offsets = (offsets[:, None] + stride * np.arange(size)).reshape(-1)
    return np.unique(offsets).size < offsets.size


def plain_addresses(tensors: Sequence[torch.Tensor], addresses: Sequence[int], sizes: Sizes) -> list[int]:
    """Return the addresses of plain contiguous tensors of the CPU; 0 of any other.

    These are thousands in a module of small tensors, where such checks cost as much as to fill them. Most of
    that is for reading them from memory, so all checks of some tensors precede those of the next.
    """
    held: list[int] = []  # elements before each tensor in its storage, then bytes of the storage, by turns
    if all(addresses):  # which no functional tensor has, and none that is sparse
        groups = (tensors[i : i + CHECKED] for i in range(0, len(tensors), CHECKED))
        if all(_are_plain(group, held) for group in groups) and _fit_storages(held, sizes):
            return [*addresses]
    return [*map(_plain_address, tensors, addresses)]


def _are_plain(tensors: Sequence[torch.Tensor], held: list[int]) -> bool:
    """Return whether all are plain contiguous tensors of the CPU; add what `plain_addresses` collects."""
    of_class = torch.Tensor
    if not (
        all(map(_IS_CPU, tensors))
        and all(map(of_class.is_contiguous, tensors))
        and not any(map(of_class.is_neg, tensors))
        and not any(map(of_class.is_inference, tensors))
    ):
        return False
    storages = map(torch.UntypedStorage.nbytes, map(of_class.untyped_storage, tensors))
    pairs: Iterable[tuple[Any, int]] = zip(map(of_class.storage_offset, tensors), storages, strict=True)
    held += chain.from_iterable(pairs)
    return True


def _plain_address(tensor: torch.Tensor, address: int) -> int:
    if (
        address
        and tensor.is_cpu
        and tensor.is_contiguous()
        and not (tensor.is_neg() or tensor.is_inference())
        and _fits_storage(tensor)
    ):
        return address
    return 0


def _fit_storages(held: Sequence[int], sizes: Sizes) -> bool:
    """Return whether the storage of every contiguous tensor holds all its elements."""
    offsets, nbytes = np.array(held, np.int64).reshape(-1, 2).T
    return bool(((offsets + sizes.elements) * sizes.widths <= nbytes).all())


class Sizes(NamedTuple):
    """The elements of whole tensors and the bytes of each, as columns."""

    elements: Indices
    widths: Indices

    @property
    def nbytes(self) -> Indices:
        """The bytes of each tensor."""
        return self.elements * self.widths


def sizes_of(drawn: Collection[ResolvedTensor]) -> Sizes:
    """The sizes of tensors."""
    elements = [math.prod(one.shape) for one in drawn]
    return Sizes(np.array(elements, np.int64), np.array([one.dtype.itemsize for one in drawn], np.int64))


def increment_versions(tensors: Iterable[torch.Tensor]) -> None:
    """Make autograd notice the write: a graph that saved the old values refuses to use them."""
    torch.autograd.graph.increment_version([tensor for tensor in tensors if not tensor.is_inference()])
