"""Estimated costs of a file's bytes, in seconds of one core.

An estimate divides work into pieces and orders them. It changes no value.
"""

from __future__ import annotations

from tensorseed.files.virtual_file import Entry, VirtualFile

TENSOR_SECONDS = 2e-5  # of a tensor beside its elements
COPIED_SECONDS = 3e-10  # of a byte that is there already


def seconds(file: VirtualFile, start: int, stop: int, long_preparation: float = 0.0) -> float:
    """Return the estimated time of the file's bytes [start, stop).

    A preparation counts with its tensor's first byte, unless it takes longer than `long_preparation`.
    """
    total = (stop - start) * COPIED_SECONDS
    known: dict[tuple[int, str, tuple[int, ...]], float] = {}
    for entry in file.entries_within(start, stop):
        total += TENSOR_SECONDS
        begin, end = max(start, entry.start), min(stop, entry.stop)
        if begin >= end or file.resolved.generator != "philox":
            continue
        if end - begin < entry.stop - entry.start:
            total += _part(entry, begin, end, long_preparation)
            continue
        kind = id(entry.tensor.distribution), entry.tensor.dtype.name, entry.tensor.shape
        whole = known.get(kind)
        if whole is None:
            whole = known[kind] = _part(entry, begin, end, long_preparation)
        total += whole
    return total


def _part(entry: Entry, begin: int, end: int, long_preparation: float) -> float:
    """The time of a tensor's bytes within [begin, end) of the file."""
    distribution, elements = entry.tensor.distribution, entry.elements(begin, end)
    preparing = distribution.preparing_seconds(
        elements, begins=begin == entry.start, longest=long_preparation
    )
    return preparing + distribution.seconds(entry.tensor.dtype, elements)
