"""Addresses of arrays, and arrays over memory at an address."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt


def address_of(array: npt.NDArray[Any]) -> int:
    """The address of a contiguous, writable array, 0 of an empty one; `ctypes.data` takes thrice as long."""
    return ctypes.addressof(ctypes.c_char.from_buffer(array.data)) if array.size else 0


def array_at(address: int, size: int, storage: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array of one axis over memory that its owner keeps for as long as the array is used."""
    dtype = np.dtype(storage)
    memory = (ctypes.c_char * (size * dtype.itemsize)).from_address(address)
    return np.frombuffer(memoryview(memory), dtype, size)
