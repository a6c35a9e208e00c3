"""How much each stream computes at a time.

A chunk costs its hand-over from thread to loop to socket, which is the same for a large one. A reader that
keeps up with the computing is therefore given larger ones, until the hand-over hardly counts; one for whom
the whole window lies ready, and who takes long for a chunk, is given smaller ones again, so that what waits
for it is little memory. Each stream more halves how far all may grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

SIZES = (1, 2, 4, 8)  # of chunks, in units of the chunk size
GROWTH = SIZES[-1]
QUICK_SECONDS = 0.02  # for a chunk; by default 400 MiB a second of the largest, 50 of the smallest


class Pace:
    """The sizes of one stream's chunks, which end at multiples of the chunk size."""

    def __init__(self, paces: Paces) -> None:
        self._paces = paces
        self._units = 1

    def end(self, start: int, stop: int) -> int:
        """Where the chunk ends that begins at `start`, in a stream up to `stop`."""
        unit = self._paces.chunk_bytes
        return min((start // unit + self._units) * unit, stop)

    def took(self, seconds: float, *, all_ready: bool) -> None:
        """The reader has taken a chunk in so many seconds; `all_ready` if all that was begun behind it is
        computed by now.
        """
        wanted = self._units
        if not all_ready:
            wanted *= 2
        elif seconds > QUICK_SECONDS:
            wanted //= 2
        self._units = max(1, min(wanted, GROWTH >> (self._paces.streams - 1)))


class Paces:
    """The paces of all streams, in chunks of `chunk_bytes`."""

    def __init__(self, chunk_bytes: int) -> None:
        self.chunk_bytes = chunk_bytes
        self.streams = 0

    @contextmanager
    def begin(self) -> Iterator[Pace]:
        """The pace of one more stream, for as long as it lasts."""
        self.streams += 1
        try:
            yield Pace(self)
        finally:
            self.streams -= 1
