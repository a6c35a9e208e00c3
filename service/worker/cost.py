"""What is so little work, or none, that handing it to a thread would cost more than doing it."""

from __future__ import annotations

import math

from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.distributions import Constant, Distribution, is_simple

MOST_ELEMENTS = 1 << 18  # about half a millisecond
MOST_TENSORS = 64  # each has a key to hash


def is_quick(file: VirtualFile, start: int, stop: int) -> bool:
    """Whether the file's bytes [start, stop) take the CPU a millisecond at most."""
    if file.resolved.generator != "philox" or file.resolved.device not in ("auto", "cpu"):
        return stop <= len(file.header)
    if stop - start > 8 * MOST_ELEMENTS:
        return False
    entries = file.entries_within(start, stop)
    return (
        len(entries) <= MOST_TENSORS
        and _elements(file, start, stop) <= MOST_ELEMENTS
        and all(entry.box is None and is_simple(entry.tensor.distribution) for entry in entries)
    )


def is_zeros(file: VirtualFile, start: int, stop: int) -> bool:
    """Whether the file's bytes [start, stop) are all 0, since the tensors that they are of are."""
    if file.resolved.generator != "philox" or start < len(file.header):
        return False
    entries = file.entries_within(start, stop)
    return len(entries) <= MOST_TENSORS and all(_is_zero(entry.tensor.distribution) for entry in entries)


def _is_zero(what: Distribution) -> bool:
    """Whether it is the constant +0, whose bytes are 0 in every dtype; those of −0 are not."""
    return isinstance(what, Constant) and what.value == 0.0 and math.copysign(1.0, what.value) > 0.0


def _elements(file: VirtualFile, start: int, stop: int) -> int:
    """The elements that the bytes are of."""
    return sum(
        (min(stop, entry.stop) - max(start, entry.start)) // entry.tensor.dtype.itemsize
        for entry in file.entries_within(start, stop)
    )
