"""Memory for chunks, used again and again.

A fresh mebibyte costs 256 page faults, which is a good part of what it costs to fill it with random numbers.
A buffer that is lent out comes back by itself when the last view of it is gone: a transport may hold on to
what it was given for as long as it needs.
"""

from __future__ import annotations

import mmap
import weakref
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MAPPED = 1 << 18  # bytes from which on memory is mapped
ALIGNMENT = 64  # bytes, of every buffer's address: a cache line, and a vector

Bytes = npt.NDArray[np.uint8]


class Buffers:
    """Lends buffers of a few sizes, and keeps at most `spare` bytes of them that nobody uses, the latest."""

    def __init__(self, sizes: Sequence[int], spare: int) -> None:
        self._sizes = sorted(sizes)
        self._spare = spare
        self._free: dict[int, Bytes] = {}  # by identity, the latest last

    def lend(self, size: int, skew: int = 0) -> Bytes:
        """`size` bytes with any content, at an address `skew` bytes past a multiple of 64."""
        wanted = next((most for most in self._sizes if size + skew <= most), None)
        if wanted is None:
            return aligned(size + skew)[skew:]
        buffer = self._free_of(wanted)
        if buffer is None:
            buffer = aligned(wanted)
        view = buffer[skew : skew + size]
        weakref.finalize(view, self._take_back, buffer).atexit = False
        return view

    def _free_of(self, size: int) -> Bytes | None:
        """The least buffer of at least a size that is free, the one used last if there are several."""
        latest_first = self._snapshot()[::-1]
        for buffer in sorted(latest_first, key=lambda buffer: buffer.size):
            if buffer.size >= size and self._free.pop(id(buffer), None) is not None:
                return buffer
        return None

    def _take_back(self, buffer: Bytes) -> None:
        """In any thread, and whenever the interpreter frees a view."""
        self._free[id(buffer)] = buffer
        free = self._snapshot()
        surplus = sum(buffer.size for buffer in free) - self._spare
        for oldest in free:
            if surplus <= 0:
                break
            self._free.pop(id(oldest), None)
            surplus -= oldest.size

    def _snapshot(self) -> list[Bytes]:
        """What is free. One step: it makes no object on the way, which could start the garbage collector,
        which could bring a buffer back.
        """
        return list(self._free.values())


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
