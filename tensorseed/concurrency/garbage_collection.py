"""Pause of Python's cyclic garbage collection."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses = 0
_resumes = False  # whether the end of the last pause enables it


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause the collection in all threads, where something makes very many objects that live on.

    Each is looked at again and again otherwise, with all those of torch: for 10,000 small parameters that
    took longer than to fill them.
    """
    global _pauses, _resumes
    with _lock:
        if _pauses == 0:
            _resumes = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0 and _resumes:
                gc.enable()
