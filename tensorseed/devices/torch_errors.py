"""What goes wrong though the request is valid: memory that does not suffice, and a device that breaks.

torch's CPU allocator and the libraries of CUDA raise a plain RuntimeError, so their words decide. torch is
not imported here: an error of its kind shows that it is there already.
"""

from __future__ import annotations

import re

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
_BROKEN = ("CUDA error", "CUDA driver error")
_NEEDED = re.compile(r"allocate (\d+(?:\.\d+)?) (bytes|[KMGTPE]iB)")
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def is_failure(error: BaseException) -> bool:
    """Whether an error is of memory or of a device. Who explains torch's other errors lets these pass."""
    return is_out_of_memory(error) or is_breakdown(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice: MemoryError, or torch's way of saying so."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def is_breakdown(error: BaseException) -> bool:
    """Whether CUDA reports an error other than a lack of memory: it then refuses everything that follows."""
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    return type(error).__name__ == "AcceleratorError" or any(words in str(error) for words in _BROKEN)


def needed_bytes(error: BaseException) -> int | None:
    """The bytes that could not be had, where the error tells."""
    found = _NEEDED.search(str(error))
    if found is None:
        return None
    return int(float(found[1]) * 1024 ** _UNITS.index(found[2]))


def told_bytes(nbytes: int) -> str:
    """A number of bytes for people: `3.5 GiB`."""
    size, unit = float(nbytes), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{nbytes} bytes" if unit == 0 else f"{size:,.1f} {_UNITS[unit]}"
