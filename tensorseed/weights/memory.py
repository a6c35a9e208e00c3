"""Memory for tensors and their parts, as numpy arrays or torch tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.errors import DeviceError, TensorError, missing_framework, shortened
from tensorseed.files.slices import Box
from tensorseed.sampling.distributions.base import Storage

if TYPE_CHECKING:
    from torch import Tensor
    from torch import device as TorchDevice  # noqa: N812

ALIGNMENT = 64  # bytes, as torch has it; jax shares the memory of an array that is aligned so
HUGE_PAGE = 1 << 21  # bytes, of x86-64 and arm64
MIN_HUGE_BYTES = 1 << 22  # of arrays for which numpy asks for huge pages


class Part(NamedTuple):
    """A box of the tensor of a name, and C-contiguous memory of its shape and its dtype's storage."""

    name: str
    box: Box
    out: Storage


def allocate(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Storage:
    """Return an array whose elements are not set.

    numpy asks for huge pages: filling 256 MiB of its fresh memory took half the time of torch's.
    A large array begins with one: the first writes to 32 arrays of 8 MiB, which each began and ended with
    small pages, took three times as long.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    alignment = HUGE_PAGE if size >= MIN_HUGE_BYTES else ALIGNMENT
    whole = np.empty(size + alignment, np.uint8)
    start = -whole.ctypes.data % alignment
    return whole[start : start + size].view(dtype).reshape(shape)


def check_array(name: str, array: Storage, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
    """Check that an array can take the elements of a tensor.

    Raises:
        TensorError: it has another shape or dtype, is read-only, or its elements are not side by side.
    """
    wanted = np.dtype(dtype)
    is_array = isinstance(array, np.ndarray)
    if not is_array or array.shape != shape or array.dtype != wanted or not array.flags.carray:
        raise TensorError(
            f"the array of {shortened(name)!r} has to be one of numpy, C-contiguous and writable, "
            f"of shape {shape} and dtype {wanted}"
        )


def as_tensor(storage: Storage, dtype: Any) -> Tensor:
    """Return the tensor of torch that shares the memory of a contiguous array; `dtype` is torch's."""
    import torch

    flat = torch.from_numpy(storage.reshape(-1).view(np.uint8))
    return flat.view(dtype).view(storage.shape)


def torch_device(device: str | TorchDevice) -> TorchDevice:
    """Return a device of torch on which tensors can be.

    Raises:
        DeviceError: torch knows no such device, or this host has none.
        ModuleNotFoundError: torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise missing_framework("torch") from None
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:  # as torch has it for kinds that it was built without
        reason = shortened(str(error).partition("\n")[0])
        raise DeviceError(f"torch has no device {str(device)!r} on this host: {reason}") from None
