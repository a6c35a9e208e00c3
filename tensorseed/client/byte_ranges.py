"""Half-open ranges of bytes: those of a file that are there, and those that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Span = tuple[int, int]  # start, stop


class Spans:
    """A set of bytes, as disjoint ranges in order."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for start, stop in spans:
            self.add(start, stop)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    @property
    def total(self) -> int:
        """How many bytes."""
        return sum(stop - start for start, stop in self._spans)

    def add(self, start: int, stop: int) -> None:
        """Take in the bytes [start, stop); ranges that touch become one."""
        if start >= stop:
            return
        touching = [span for span in self._spans if span[0] <= stop and start <= span[1]]
        apart = [span for span in self._spans if not (span[0] <= stop and start <= span[1])]
        start = min([start, *(span[0] for span in touching)])
        stop = max([stop, *(span[1] for span in touching)])
        self._spans = sorted([*apart, (start, stop)])

    def missing(self, size: int) -> list[Span]:
        """The ranges of [0, size) that are not there, in order."""
        found, at = [], 0
        for start, stop in self._spans:
            if at < start:
                found.append((at, start))
            at = stop
        return [*found, (at, size)] if at < size else found


def cut(spans: Iterable[Span], most: int) -> Iterator[Span]:
    """The ranges in pieces that end at multiples of `most` bytes."""
    for start, stop in spans:
        while start < stop:
            end = min((start // most + 1) * most, stop)
            yield start, end
            start = end
