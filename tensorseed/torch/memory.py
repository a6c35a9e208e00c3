"""Memory of torch tensors: checks that it can be filled, and numpy views."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from tensorseed.errors import TensorError
from tensorseed.sampling.distributions.base import Storage
from tensorseed.sampling.dtypes import DTYPES, DType

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

_STORAGES: dict[Any, torch.dtype] = {
    np.int64: torch.int64,
    np.float64: torch.float64,
    np.float32: torch.float32,
    np.uint16: torch.uint16,
    np.uint8: torch.uint8,
}
_IN_NUMPY = (np.int64, np.float64, np.float32)
_PLAIN = (nn.Parameter, nn.Buffer, torch.Tensor)
_DTYPES = {getattr(torch, name): dtype for name, dtype in DTYPES.items()}


def is_dtensor(tensor: torch.Tensor) -> TypeGuard[DTensor]:
    """Return whether it is a DTensor, without importing them."""
    if type(tensor) in _PLAIN:
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
        raise TensorError(f"a tensor of {tensor.dtype} cannot be drawn: use one of {', '.join(DTYPES)}")
    return found


def check_fillable(tensor: torch.Tensor) -> None:
    """Check that a tensor has memory of its own that can be written.

    Raises:
        TensorError: it has not; the message says why, and what to do.
        TypeError: it is no tensor.
    """
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"a {type(tensor).__name__} is no tensor of torch")
    fault = _fault(tensor.to_local()) if is_dtensor(tensor) else _fault(tensor)
    if fault:
        raise TensorError(fault)
    dtype_of(tensor)


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
    return None


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


def whole_storage(tensor: torch.Tensor, dtype: DType) -> Storage | None:
    """Return the storage of a plain contiguous tensor of the CPU; None for any other, which needs a look.

    It is one of thousands in a module of small tensors: this costs a tenth of all checks.
    """
    if type(tensor) not in _PLAIN or tensor.is_inference():
        return None
    try:
        return host_storage(tensor, dtype) if tensor.is_cpu and tensor.is_contiguous() else None
    except RuntimeError:  # sparse, lazily negated, inside a transform …
        return None


def host_storage(tensor: torch.Tensor, dtype: DType) -> Storage:
    """Return the memory of a contiguous tensor of the CPU as an array of the dtype's storage.

    Gradients are off in the calling thread.
    """
    if dtype.storage not in _IN_NUMPY:
        tensor = tensor.view(_STORAGES[dtype.storage])
    storage: Storage = tensor.numpy()
    return storage


def increment_versions(tensors: Iterable[torch.Tensor]) -> None:
    """Make autograd notice the write: a graph that saved the old values refuses to use them."""
    written = []
    for tensor in tensors:
        if is_dtensor(tensor):
            written.append(tensor.to_local())
        written.append(tensor)
    torch.autograd.graph.increment_version([tensor for tensor in written if not tensor.is_inference()])
