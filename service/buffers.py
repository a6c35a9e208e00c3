"""Memory for chunks, used again and again.

A fresh mebibyte costs 256 page faults, which is a good part of what it costs to fill it with random numbers.
A buffer that is lent out comes back by itself when the last view of it is gone: a transport may hold on to
what it was given for as long as it needs.
"""

from __future__ import annotations

import mmap
import weakref
from collections import deque

import numpy as np
import numpy.typing as npt

MAPPED = 1 << 18  # bytes from which on memory is mapped
ALIGNMENT = 64  # bytes, of every buffer's address: a cache line, and a vector

Bytes = npt.NDArray[np.uint8]


class Buffers:
    """Lends buffers of one size, and keeps at most `keep` that nobody uses."""

    def __init__(self, size: int, keep: int) -> None:
        self._size = size
        self._free: deque[Bytes] = deque(maxlen=keep)

    def lend(self, size: int, skew: int = 0) -> Bytes:
        """`size` bytes with any content, at an address `skew` bytes past a multiple of 64."""
        if size + skew > self._size:
            return aligned(size + skew)[skew:]
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = aligned(self._size)
        view = buffer[skew : skew + size]
        weakref.finalize(view, self._free.append, buffer).atexit = False
        return view


def aligned(size: int) -> Bytes:
    """Fresh memory that begins at a multiple of 64 bytes.

    Much of it is mapped rather than taken from the heap, where what lies between would keep it from going
    back to the system.
    """
    if size >= MAPPED and hasattr(mmap, "MAP_ANONYMOUS"):
        return np.frombuffer(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint8)
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]
