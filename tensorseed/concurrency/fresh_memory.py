"""Population of fresh memory, before it is written.

The first write to each page of fresh memory traps into the kernel. One system call for many pages costs less
than a trap for each. Linux has that call from 5.14 on. Without it, the writes populate memory, as ever.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable

PAGE = mmap.PAGESIZE
POPULATE_WRITE = 23  # of <linux/mman.h>, on every architecture

_Madvise = Callable[[int, int, int], int]
_Mincore = Callable[[int, int, "ctypes.Array[ctypes.c_ubyte]"], int]


def populate(address: int, size: int) -> None:
    """Give pages to memory that is about to be written, where the page in its middle has none yet.

    What is refused, such as by an older kernel, is left to the writes.
    """
    if _CALLS is None or size < PAGE:
        return
    madvise, mincore = _CALLS
    resident = (ctypes.c_ubyte * 1)()
    middle = (address + size // 2) // PAGE * PAGE
    if mincore(middle, PAGE, resident) == 0 and not resident[0] & 1:
        start, stop = address // PAGE * PAGE, -(-(address + size) // PAGE) * PAGE
        madvise(start, stop - start, POPULATE_WRITE)


def _calls() -> tuple[_Madvise, _Mincore] | None:
    """The calls of the C library; None on another system than Linux."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    try:
        madvise, mincore = library.madvise, library.mincore
    except AttributeError:
        return None
    madvise.argtypes = ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int
    mincore.argtypes = ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p
    return madvise, mincore


_CALLS = _calls()
