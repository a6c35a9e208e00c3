"""Classification of torch errors: out of memory, and device failures.

torch's CPU allocator and the CUDA libraries raise a plain RuntimeError, so the message decides.
"""

from __future__ import annotations

import re

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
_BROKEN = ("CUDA error", "CUDA driver error")
_NEEDED = re.compile(r"allocate (\d+(?:\.\d+)?) (bytes|[KMGTPE]iB)")
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def is_device_error(error: BaseException) -> bool:
    """Return whether an error is of memory or of a device, and not of the request."""
    return is_out_of_memory(error) or is_device_failure(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means out of memory: MemoryError, or one of torch's."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def is_device_failure(error: BaseException) -> bool:
    """Return whether CUDA reports an error other than out of memory; it then refuses all further work."""
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    return type(error).__name__ == "AcceleratorError" or any(words in str(error) for words in _BROKEN)


def needed_bytes(error: BaseException) -> int | None:
    """Return the bytes that could not be allocated, where the message has them."""
    found = _NEEDED.search(str(error))
    if found is None:
        return None
    return int(float(found[1]) * 1024 ** _UNITS.index(found[2]))


def format_bytes(nbytes: int) -> str:
    """Format a number of bytes for people: `3.5 GiB`."""
    size, unit = float(nbytes), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{nbytes} bytes" if unit == 0 else f"{size:,.1f} {_UNITS[unit]}"
