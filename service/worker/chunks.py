"""Computation of chunks into pooled memory, their sizes and their cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple

from tensorseed.concurrency.buffers import BufferPool, Bytes
from tensorseed.devices.base import Accelerator
from tensorseed.files.costs import seconds
from tensorseed.files.elements import ElementSource
from tensorseed.files.entries import Entry
from tensorseed.files.virtual_file import ALIGNMENT, BLOCK, VirtualFile

from ..telemetry import Generation
from .metrics_hooks import WorkerMetrics, record_chunk
from .pools import CHEAP_SECONDS

SIZES = (1, 2, 4, 8)  # of chunks, in units of the chunk size
MAX_GROWTH = SIZES[-1]
FAST_SECONDS = 0.02  # for a chunk; by default 400 MiB/s of the largest, 50 MiB/s of the smallest


class ChunkSizer:
    """The sizes of one stream's chunks, which end at multiples of the chunk size."""

    def __init__(self, sizers: ChunkSizers) -> None:
        self._sizers = sizers
        self._units = 1

    def end(self, start: int, stop: int) -> int:
        """Return where the chunk from `start` ends, in a stream up to `stop`."""
        unit = self._sizers.chunk_bytes
        return min((start // unit + self._units) * unit, stop)

    def record(self, took: float, *, all_ready: bool) -> None:
        """Adapt to a reader that took a chunk in `took` seconds.

        `all_ready` says that every later chunk of the window was computed by then.
        """
        wanted = self._units
        if not all_ready:
            wanted *= 2
        elif took > FAST_SECONDS:
            wanted //= 2
        self._units = max(1, min(wanted, MAX_GROWTH >> (self._sizers.streams - 1)))


class ChunkSizers:
    """The sizers of all streams, in units of `chunk_bytes`.

    Every chunk costs one hand-over from thread to event loop to socket, whatever its size. A reader that
    keeps up with the computation gets larger chunks, until the hand-over hardly counts. A reader that lets
    the whole window wait gets smaller ones, so that little memory waits for it. Each further stream halves
    the largest size for all.
    """

    def __init__(self, chunk_bytes: int) -> None:
        self.chunk_bytes = chunk_bytes
        self.streams = 0

    @contextmanager
    def open(self) -> Iterator[ChunkSizer]:
        """Count one more stream within the block, and yield its sizer."""
        self.streams += 1
        try:
            yield ChunkSizer(self)
        finally:
            self.streams -= 1


MAX_CHUNK_TENSORS = 4_096  # each takes the interpreter some 2 µs, and where all differ 5 µs more
MAX_CHUNK_SECONDS = CHEAP_SECONDS  # only a chunk that cannot be divided well takes longer
MAX_DIVISION_LOSS = 1.1  # times the cost of the whole that its halves may cost together
MIN_CHUNK_BYTES = 4_096
LONG_PREPARATION = 0.01  # seconds; shorter ones are done with the elements


class Chunk(NamedTuple):
    """Bytes of a file that are computed together, up to `stop`, and their estimated cost."""

    stop: int
    seconds: float

    @property
    def is_dear(self) -> bool:
        """Whether the chunk takes long, since its halves would cost much more."""
        return self.seconds > MAX_CHUNK_SECONDS


def bounded(file: VirtualFile, start: int, stop: int) -> Chunk:
    """The chunk of the file's bytes from `start`, up to `stop` or to where it costs enough.

    Halves of rows of an orthogonal matrix cost nearly as much as the whole, which is then one dear chunk.
    """
    entries = file.entries_within(start, stop, MAX_CHUNK_TENSORS + 1)
    if len(entries) > MAX_CHUNK_TENSORS:
        stop = entries[-1].start
    cost = seconds(file, start, stop, LONG_PREPARATION)
    while cost > MAX_CHUNK_SECONDS and stop - start >= 2 * MIN_CHUNK_BYTES:
        middle = start + (stop - start) // 2
        less = seconds(file, start, middle, LONG_PREPARATION)
        if 2 * less > MAX_DIVISION_LOSS * cost:
            break
        stop, cost = middle, less
    return Chunk(stop, cost)


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

    def buffer(self, size: int) -> Bytes:
        """A buffer that returns to the pool with its last view, aligned as a file from its start is."""
        return self._buffers.acquire(size)

    def compute(self, file: VirtualFile, start: int, stop: int, source: ElementSource) -> memoryview:
        """Compute the bytes [start, stop) into a buffer that returns to the pool with its last view."""
        first, last = file.around(start, stop)
        out = self._buffers.acquire(last - first, first % ALIGNMENT)
        started = perf_counter()
        file.read_into(out, first, source)
        record_chunk(self._metrics, file, start, stop, started)
        return out.data[start - first : stop - first]

    def generate(self, file: VirtualFile, start: int, stop: int, source: ElementSource) -> memoryview:
        """Compute them likewise, as the whole of a span."""
        with Generation(file, start, stop) as generation:
            body = self.compute(file, start, stop, source)
            generation.nbytes = len(body)
            return body

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
    entries = file.entries_within(start, stop, MAX_CHEAP_TENSORS + 1)
    return (
        len(entries) <= MAX_CHEAP_TENSORS
        and _elements(entries, start, stop) <= MAX_CHEAP_ELEMENTS
        and all(entry.box is None and entry.tensor.distribution.is_cheap for entry in entries)
    )


def is_zeros(file: VirtualFile, start: int, stop: int) -> bool:
    """Return whether the file's bytes [start, stop) belong to tensors of zeros alone."""
    if file.resolved.generator != "philox" or start < len(file.header):
        return False
    entries = file.entries_within(start, stop, MAX_CHEAP_TENSORS + 1)
    return len(entries) <= MAX_CHEAP_TENSORS and all(entry.tensor.distribution.is_zero for entry in entries)


def _elements(entries: Sequence[Entry], start: int, stop: int) -> int:
    return sum(
        (min(stop, entry.stop) - max(start, entry.start)) // entry.tensor.dtype.itemsize for entry in entries
    )
