"""Estimated costs of a file's bytes, in seconds of one core.

An estimate divides work into pieces and orders them. It changes no value.
"""

from __future__ import annotations

from tensorseed.files.virtual_file import Portion, VirtualFile
from tensorseed.sampling.executors.range_batches import is_ranged

TENSOR_SECONDS = 2e-6  # of a tensor beside its elements, where many are drawn in a call
CALL_SECONDS = 2e-5  # of one that takes a call of its own
COPIED_SECONDS = 3e-10  # of a byte that is there already


def seconds(file: VirtualFile, start: int, stop: int, long_preparation: float = 0.0) -> float:
    """Return the estimated time of the file's bytes [start, stop).

    A preparation counts with its tensor's first byte, unless it takes longer than `long_preparation`.
    """
    total = (stop - start) * COPIED_SECONDS
    for portion in file.portions(start, stop):
        tensor = portion.entry.tensor
        one = TENSOR_SECONDS if is_ranged(tensor.distribution, tensor.dtype) else CALL_SECONDS
        if portion.start < portion.stop and file.resolved.generator == "philox":
            one += _part(portion, long_preparation)
        total += one * portion.tensors
    return total


def _part(portion: Portion, long_preparation: float) -> float:
    """The time of the elements of a portion, after all that has to be done for a tensor."""
    entry, start, stop, _ = portion
    distribution, elements = entry.tensor.distribution, entry.elements(start, stop)
    preparing = distribution.preparing_seconds(
        elements, begins=start == entry.start, longest=long_preparation
    )
    return preparing + distribution.seconds(entry.tensor.dtype, elements)
