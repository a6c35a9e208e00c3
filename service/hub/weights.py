"""Opening of a file of weights, within the memory of requests."""

from __future__ import annotations

from tensorseed.checkpoints.layout import TENSOR_BYTES
from tensorseed.checkpoints.repo_files import WeightsFile
from tensorseed.files.virtual_file import VirtualFile

from ..http.memory import MemoryLease


def open_weights(file: WeightsFile, lease: MemoryLease) -> VirtualFile:
    """The weights of a file; their memory is taken until they are freed, however many requests share them.

    Raises:
        TooLargeError: They exceed the memory of all requests by themselves.
        BusyError: The memory for them is in use.
    """
    is_open = "weights" in vars(file)
    weights = file.weights
    if not is_open:
        try:
            lease.hand_over(TENSOR_BYTES * len(weights.entries()) + 2 * len(weights.header), weights)
        except Exception:
            vars(file).pop("weights", None)  # so that the next request takes the memory
            raise
    return weights
