"""Preparations that the elements of a file need, such as reflections."""

from __future__ import annotations

from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.distributions import Preparation
from tensorseed.sampling.distributions.base import Elements
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor


def missing_preparations(
    file: VirtualFile, start: int, stop: int, over_seconds: float = 0.0
) -> list[Preparation]:
    """The preparations that the file's bytes [start, stop) need and that are not cached.

    Those that take up to `over_seconds` are left out: they are done with the elements.
    """
    if file.resolved.generator != "philox" or stop <= len(file.header):
        return []
    start, missing = max(start, len(file.header)), []
    portions = file.portions(start, stop)
    if all(one.entry.tensor.distribution.preparation_seconds <= over_seconds for one in portions):
        return []
    for entry in file.entries_within(start, stop):
        begin, end = max(start, entry.start), min(stop, entry.stop)
        if entry.tensor.distribution.preparation_seconds > over_seconds and begin < end:
            elements = entry.elements(begin, end)
            missing += missing_for_elements(file.resolved, entry.tensor, elements, over_seconds)
    return missing


def missing_for_elements(
    resolved: ResolvedSpec, tensor: ResolvedTensor, elements: Elements, over_seconds: float = 0.0
) -> list[Preparation]:
    """The preparations that elements of a tensor need, as `missing_preparations` lists those of bytes."""
    if resolved.generator != "philox" or tensor.distribution.preparation_seconds <= over_seconds:
        return []
    stream = tensor.stream_of(resolved.seed)
    return [
        preparation
        for preparation in tensor.distribution.preparations(stream, elements)
        if preparation.seconds > over_seconds and not preparation.is_done
    ]
