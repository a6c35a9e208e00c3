"""Long computations that must precede the first byte of a tensor."""

from __future__ import annotations

from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.distributions import Preparation
from tensorseed.sampling.philox import Stream


def missing_preparations(file: VirtualFile, start: int, stop: int) -> list[Preparation]:
    """The preparations that the file's bytes [start, stop) need and that are not cached."""
    if file.resolved.generator != "philox" or stop <= len(file.header):
        return []
    missing = []
    for entry in file.entries_within(max(start, len(file.header)), stop):
        stream = Stream(file.resolved.seed, entry.tensor.stream)
        preparation = entry.tensor.distribution.preparation(stream)
        if preparation is not None and not preparation.is_done:
            missing.append(preparation)
    return missing
