"""Buffer pool: memory for chunks that is reused.

A fresh mebibyte costs 256 page faults, a good part of the cost of filling it with random numbers.
A buffer returns to the pool with its last view.
A transport may therefore hold a view for as long as it needs to.
"""

from __future__ import annotations

import mmap
import weakref
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MIN_MAPPED_BYTES = 1 << 18
ALIGNMENT = 64  # bytes: a cache line, and the widest vector register

Bytes = npt.NDArray[np.uint8]


class BufferPool:
    """Buffers of a few sizes; at most `max_free` bytes stay pooled, the most recently used."""

    def __init__(self, sizes: Sequence[int], max_free: int) -> None:
        self._sizes = sorted(sizes)
        self._max_free = max_free
        self._free: dict[int, Bytes] = {}  # by identity, the latest last

    def acquire(self, size: int, skew: int = 0) -> Bytes:
        """Return `size` bytes of any content, at an address `skew` bytes past a multiple of 64."""
        wanted = next((most for most in self._sizes if size + skew <= most), None)
        if wanted is None:
            return aligned(size + skew)[skew:]
        buffer = self._take(wanted)
        if buffer is None:
            buffer = aligned(wanted)
        view = buffer[skew : skew + size]
        weakref.finalize(view, self._release, buffer).atexit = False
        return view

    def _take(self, size: int) -> Bytes | None:
        """Take the smallest free buffer that is large enough, the latest of equal ones."""
        latest_first = self._snapshot()[::-1]
        for buffer in latest_first:  # as a rule the latest one, without sorting
            if buffer.size == size and self._free.pop(id(buffer), None) is not None:
                return buffer
        for buffer in sorted(latest_first, key=lambda buffer: buffer.size):
            if buffer.size >= size and self._free.pop(id(buffer), None) is not None:
                return buffer
        return None

    def _release(self, buffer: Bytes) -> None:
        """Return a buffer to the pool: in any thread, whenever the interpreter frees a view."""
        self._free[id(buffer)] = buffer
        free = self._snapshot()
        surplus = sum([buffer.size for buffer in free]) - self._max_free
        for oldest in free:
            if surplus <= 0:
                break
            self._free.pop(id(oldest), None)
            surplus -= oldest.size

    def _snapshot(self) -> list[Bytes]:
        """Return the free buffers, in one step.

        It allocates nothing that could start the garbage collector, which could release a buffer.
        """
        return list(self._free.values())


def aligned(size: int) -> Bytes:
    """Allocate memory that begins at a multiple of 64 bytes.

    Large buffers are mapped: on the heap, blocks between them would keep them from the system.
    """
    if size >= MIN_MAPPED_BYTES and hasattr(mmap, "MAP_ANONYMOUS"):
        return np.frombuffer(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint8)
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]
