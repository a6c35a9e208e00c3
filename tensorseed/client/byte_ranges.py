"""Sets of half-open byte ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""The bytes [start, stop)."""


class ByteRanges:
    """A set of bytes, as disjoint ranges in order."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._ranges: list[Range] = []
        for start, stop in ranges:
            self.add(start, stop)

    def __iter__(self) -> Iterator[Range]:
        return iter(self._ranges)

    @property
    def total(self) -> int:
        """The number of bytes."""
        return sum(stop - start for start, stop in self._ranges)

    def add(self, start: int, stop: int) -> None:
        """Add the bytes [start, stop); ranges that touch become one."""
        if start >= stop:
            return
        touching = [known for known in self._ranges if known[0] <= stop and start <= known[1]]
        apart = [known for known in self._ranges if not (known[0] <= stop and start <= known[1])]
        start = min([start, *(known[0] for known in touching)])
        stop = max([stop, *(known[1] for known in touching)])
        self._ranges = sorted([*apart, (start, stop)])

    def missing(self, size: int) -> list[Range]:
        """Return the ranges of [0, size) that are not in the set, in order."""
        found, at = [], 0
        for start, stop in self._ranges:
            if at < start:
                found.append((at, start))
            at = stop
        return [*found, (at, size)] if at < size else found


def split(ranges: Iterable[Range], max_bytes: int) -> Iterator[Range]:
    """Split the ranges into pieces that end at multiples of `max_bytes`."""
    for start, stop in ranges:
        while start < stop:
            end = min((start // max_bytes + 1) * max_bytes, stop)
            yield start, end
            start = end
