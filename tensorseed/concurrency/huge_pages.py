"""Huge pages for memory that is about to be written.

Memory fresh from the system costs a fault for each page of 4 KiB, which takes longer than to draw the numbers
in it. A huge page of 2 MiB costs one. Many systems give them to those that ask (`madvise` in
/sys/kernel/mm/transparent_hugepage/enabled).
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import cache

HUGE_PAGE_BYTES = 1 << 21


def use_huge_pages(address: int, nbytes: int) -> None:
    """Ask for huge pages wholly inside some memory; nothing where the system has none. No byte changes."""
    start = -(-address // HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
    stop = (address + nbytes) // HUGE_PAGE_BYTES * HUGE_PAGE_BYTES
    library = _library()
    if library is not None and start < stop:
        library.madvise(
            start, stop - start, mmap.MADV_HUGEPAGE
        )  # refused for some memory: that stays as it is


@cache
def _library() -> ctypes.CDLL | None:
    """The C library, where the system has the advice."""
    if sys.platform != "linux" or not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    library = ctypes.CDLL(None)
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return library
