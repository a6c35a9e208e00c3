"""Cooperative cancellation of long computations.

A thread computes within `cancellable`; long loops call `check_cancelled` between their steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

STEP = 4_096  # items between two looks

Cancelled = Callable[[], bool]
"""Whether a computation is cancelled: its result has no reader any more. Any thread may call it."""

_thread = threading.local()


class ComputationCancelledError(Exception):
    """The computation was cancelled: its result has no reader any more."""


@contextmanager
def cancellable(cancelled: Cancelled) -> Iterator[None]:
    """Make `check_cancelled` consult `cancelled` in this thread, within the block."""
    before = getattr(_thread, "cancelled", None)
    _thread.cancelled = cancelled
    try:
        yield
    finally:
        _thread.cancelled = before


def cancelled_with_thread() -> Cancelled:
    """Return whether the calling thread's computation is cancelled, as a question for other threads."""
    return getattr(_thread, "cancelled", None) or (lambda: False)


def check_cancelled() -> None:
    """Return unless the computation of this thread is cancelled.

    Raises:
        ComputationCancelledError: it is.
    """
    cancelled = getattr(_thread, "cancelled", None)
    if cancelled is not None and cancelled():
        raise ComputationCancelledError


def cancellably(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, and call `check_cancelled` now and then.

    Raises:
        ComputationCancelledError: the computation of this thread is cancelled.
    """
    for number, item in enumerate(items):
        if number % STEP == 0:
            check_cancelled()
        yield item
