"""Computation of chunks into pooled memory, and the cost of a chunk."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from tensorseed.concurrency.buffers import BufferPool
from tensorseed.devices.base import Accelerator
from tensorseed.files.elements import ElementSource
from tensorseed.files.virtual_file import ALIGNMENT, BLOCK, VirtualFile

from .chunk_sizer import MAX_GROWTH, SIZES
from .metrics_hooks import WorkerMetrics, record_chunk

MARGIN = ALIGNMENT + 2 * BLOCK  # bytes of a buffer beside its chunk
FREE_UNITS = 5 * MAX_GROWTH  # of the chunk size, pooled while unused: a fast stream cycles through as many
MAX_CHEAP_ELEMENTS = 1 << 18  # about half a millisecond
MAX_CHEAP_TENSORS = 64  # each has a key to hash


class ChunkComputer:
    """Computes chunks of up to `MAX_GROWTH` times `chunk_bytes`, in any thread."""

    def __init__(self, chunk_bytes: int, metrics: WorkerMetrics) -> None:
        self._metrics = metrics
        self._zeros = memoryview(bytes(MAX_GROWTH * chunk_bytes))  # shared by all streams
        self._buffers = BufferPool(
            [units * chunk_bytes + MARGIN for units in SIZES], FREE_UNITS * (chunk_bytes + MARGIN)
        )

    def zeros(self, size: int) -> memoryview:
        """Return `size` zeros without computing any."""
        return self._zeros[:size]

    def compute(self, file: VirtualFile, start: int, stop: int, source: ElementSource) -> memoryview:
        """Compute the bytes [start, stop) into a buffer that returns to the pool with its last view."""
        first, last = file.around(start, stop)
        out = self._buffers.acquire(last - first, first % ALIGNMENT)
        started = perf_counter()
        file.read_into(out, first, source)
        record_chunk(self._metrics, file, start, stop, started)
        return out.data[start - first : stop - first]

    def start(
        self, device: Accelerator, file: VirtualFile, start: int, stop: int
    ) -> Callable[[], memoryview]:
        """Start to compute the bytes [start, stop) on a device; the result waits for them."""
        out = self._buffers.acquire(stop - start, start % ALIGNMENT)
        started = perf_counter()
        synchronize = device.start(file, start, out)

        def finish() -> memoryview:
            synchronize()
            record_chunk(self._metrics, file, start, stop, started)
            return out.data

        return finish


def is_cheap(file: VirtualFile, start: int, stop: int) -> bool:
    """Return whether the file's bytes [start, stop) take the CPU a millisecond at most.

    Handing them to a thread would then cost more than computing them.
    """
    if file.resolved.generator != "philox" or file.resolved.device not in ("auto", "cpu"):
        return stop <= len(file.header)
    if stop - start > 8 * MAX_CHEAP_ELEMENTS:
        return False
    entries = file.entries_within(start, stop)
    return (
        len(entries) <= MAX_CHEAP_TENSORS
        and _elements(file, start, stop) <= MAX_CHEAP_ELEMENTS
        and all(entry.box is None and entry.tensor.distribution.is_cheap for entry in entries)
    )


def is_zeros(file: VirtualFile, start: int, stop: int) -> bool:
    """Return whether the file's bytes [start, stop) belong to tensors of zeros alone."""
    if file.resolved.generator != "philox" or start < len(file.header):
        return False
    entries = file.entries_within(start, stop)
    return len(entries) <= MAX_CHEAP_TENSORS and all(entry.tensor.distribution.is_zero for entry in entries)


def _elements(file: VirtualFile, start: int, stop: int) -> int:
    return sum(
        (min(stop, entry.stop) - max(start, entry.start)) // entry.tensor.dtype.itemsize
        for entry in file.entries_within(start, stop)
    )
