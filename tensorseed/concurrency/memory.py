"""Reservation of memory before large objects are built.

A thread works within `reserving`; what is about to build large objects calls `reserve` with an estimate.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Reserve = Callable[[int], None]
"""Take so many bytes of a budget, or raise an error of its owner."""

_thread = threading.local()


@contextmanager
def reserving(take: Reserve) -> Iterator[None]:
    """Make `reserve` call `take` in this thread, within the block."""
    before = getattr(_thread, "take", None)
    _thread.take = take
    try:
        yield
    finally:
        _thread.take = before


def reserve(nbytes: int) -> None:
    """Reserve so many bytes, for as long as the owner of the budget says. Without one this does nothing."""
    take = getattr(_thread, "take", None)
    if take is not None:
        take(nbytes)
