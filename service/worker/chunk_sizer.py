"""Adaptive chunk sizes: large for fast readers, small for slow ones.

Every chunk costs one hand-over from thread to event loop to socket, whatever its size.
A reader that keeps up with the computation therefore gets larger chunks, until the hand-over hardly counts.
A reader that lets the whole window wait gets smaller ones, so that little memory waits for it.
Each further stream halves the largest size for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

SIZES = (1, 2, 4, 8)  # of chunks, in units of the chunk size
MAX_GROWTH = SIZES[-1]
FAST_SECONDS = 0.02  # for a chunk; by default 400 MiB/s of the largest, 50 MiB/s of the smallest


class ChunkSizer:
    """The sizes of one stream's chunks, which end at multiples of the chunk size."""

    def __init__(self, sizers: ChunkSizers) -> None:
        self._sizers = sizers
        self._units = 1

    def end(self, start: int, stop: int) -> int:
        """Return where the chunk from `start` ends, in a stream up to `stop`."""
        unit = self._sizers.chunk_bytes
        return min((start // unit + self._units) * unit, stop)

    def record(self, seconds: float, *, all_ready: bool) -> None:
        """Adapt to a reader that took a chunk in `seconds`.

        `all_ready` says that every later chunk of the window was computed by then.
        """
        wanted = self._units
        if not all_ready:
            wanted *= 2
        elif seconds > FAST_SECONDS:
            wanted //= 2
        self._units = max(1, min(wanted, MAX_GROWTH >> (self._sizers.streams - 1)))


class ChunkSizers:
    """The sizers of all streams, in units of `chunk_bytes`."""

    def __init__(self, chunk_bytes: int) -> None:
        self.chunk_bytes = chunk_bytes
        self.streams = 0

    @contextmanager
    def open(self) -> Iterator[ChunkSizer]:
        """Count one more stream within the block, and yield its sizer."""
        self.streams += 1
        try:
            yield ChunkSizer(self)
        finally:
            self.streams -= 1
