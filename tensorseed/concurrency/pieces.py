"""Work on long lists in pieces, between which other threads run.

A call into C holds the interpreter until it returns, however long the list is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

PIECE = 1 << 13  # elements
FREED = 1 << 9  # elements, each of which may be some hundred objects
SAMPLES = 1 << 10  # of a list that is sorted


def pieces(elements: Sequence[T]) -> Iterator[Sequence[T]]:
    """The elements, so many at a time."""
    for start in range(0, len(elements), PIECE):
        yield elements[start : start + PIECE]


def sort(elements: list[T], key: Callable[[T], Any]) -> None:
    """Sort a list in place, stably: buckets between keys of a sample, and each of them by itself."""
    if len(elements) > PIECE:
        sample = sorted(key(one) for one in elements[:: max(1, len(elements) // SAMPLES)])
        bounds = sample[:: max(1, PIECE * SAMPLES // (4 * len(elements)))]
        if bounds[0] != bounds[-1]:
            buckets: list[list[T]] = [[] for _ in range(len(bounds) + 1)]
            for one in elements:
                buckets[bisect_right(bounds, key(one))].append(one)
            free(elements)
            for bucket in buckets:
                bucket.sort(key=key)
                elements += bucket
            return
    elements.sort(key=key)


def free(elements: list[Any], count: int = FREED) -> None:
    """Empty a list, `count` elements at a time."""
    while elements:
        del elements[-count:]


class LongList(list[T]):
    """List that frees its elements in pieces once nothing refers to it. Like a tuple, it is never changed."""

    __slots__ = ()

    def __del__(self, free: Callable[[list[Any]], None] = free) -> None:
        """Free the elements. The default outlives the module, which the end of the interpreter empties."""
        free(self)
