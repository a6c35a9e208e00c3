"""Thread-safe suppression of Python warnings for the whole process.

Python's filters are one list per process, and `warnings.catch_warnings` restores the list it found.
Of two threads that overlap, the later one to leave would restore the other's filters.
Here the last thread to leave restores the list that the first one found.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_lock = threading.Lock()
_filters = ExitStack()
_inside = 0


@contextmanager
def suppress_warnings() -> Iterator[None]:
    """Drop every warning of this process while any thread is within such a block."""
    global _inside
    with _lock:
        if not _inside:
            _filters.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _filters.close()
