"""Giving up, in the middle, what nobody waits for any more.

A thread computes within `abandonable`, and whatever takes long calls `check_abandoned` now and then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class AbandonedError(Exception):
    """Nobody waits for the result any more."""


_thread = threading.local()


@contextmanager
def abandonable(stopped: Callable[[], bool]) -> Iterator[None]:
    """Let what this thread computes within the block end early once `stopped` says so."""
    before = getattr(_thread, "stopped", None)
    _thread.stopped = stopped
    try:
        yield
    finally:
        _thread.stopped = before


def check_abandoned() -> None:
    """Raise AbandonedError if nobody waits for what this thread computes."""
    stopped = getattr(_thread, "stopped", None)
    if stopped is not None and stopped():
        raise AbandonedError
