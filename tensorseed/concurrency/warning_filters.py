"""Warnings of torch's, which are meant for whoever writes the calls and not for who serves them.

Python's filters are one list for the process, and `warnings.catch_warnings` puts back the list it found: of
two threads that overlap, the one that ends last would put back the other's. Here the last one to leave puts
back the list that the first one found.
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
def quiet() -> Iterator[None]:
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
