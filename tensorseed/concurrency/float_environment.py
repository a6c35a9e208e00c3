"""Default floating-point environment of a thread (C11, section 7.6).

A thread inherits its environment. `torch.set_flush_denormal`, or a library that was compiled with
`-ffast-math`, flushes the subnormal numbers of a thread and of those that it starts. Draws would then have
other bits.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

ENVIRONMENT_BYTES = 256  # more than fenv_t has anywhere


@contextmanager
def default_float_environment() -> Iterator[None]:
    """Compute in the default environment within the block, and restore the thread's own."""
    library = _library()
    if library is None:
        yield
        return
    own = ctypes.create_string_buffer(ENVIRONMENT_BYTES)
    library.fegetenv(own)
    reset_float_environment()
    try:
        yield
    finally:
        library.fesetenv(own)


def reset_float_environment() -> None:
    """Set the default environment in the calling thread; nothing where the C library has no name for it."""
    library = _library()
    if library is not None:
        library.fesetenv(ctypes.c_void_p(-1))  # FE_DFL_ENV


@cache
def _library() -> ctypes.CDLL | None:
    """The C library, where FE_DFL_ENV is known: glibc and musl."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "fesetenv"):
        return None
    library.fegetenv.argtypes = library.fesetenv.argtypes = [ctypes.c_void_p]
    return library
