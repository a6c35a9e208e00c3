"""Chunks of files, computed into memory that is used again and again."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from tensorseed.concurrency.buffers import Buffers
from tensorseed.devices import Accelerator
from tensorseed.files.materialised import Materialised
from tensorseed.files.virtual_file import ALIGNMENT, BLOCK, VirtualFile
from tensorseed.sampling.executors.base import Executor

from .chunk_sizer import GROWTH, SIZES
from .observers import Observer, tell

MARGIN = ALIGNMENT + 2 * BLOCK  # bytes that a buffer has beside its chunk
SPARE_UNITS = 5 * GROWTH  # of the chunk size, kept while unused: what a quick stream has in turn by default


class Chunks:
    """Computes chunks of up to `GROWTH` times `chunk_bytes`, in any thread."""

    def __init__(self, chunk_bytes: int, observer: Observer) -> None:
        self._observer = observer
        self._zeros = memoryview(bytes(GROWTH * chunk_bytes))  # for every stream that needs some
        self._buffers = Buffers(
            [units * chunk_bytes + MARGIN for units in SIZES], SPARE_UNITS * (chunk_bytes + MARGIN)
        )

    def zeros(self, size: int) -> memoryview:
        """That many zeros, which cost nothing."""
        return self._zeros[:size]

    def compute(
        self, file: VirtualFile, start: int, stop: int, executor: Executor | Materialised
    ) -> memoryview:
        """The bytes [start, stop), in a buffer that comes back when nobody holds them any more."""
        first, last = file.around(start, stop)
        out = self._buffers.lend(last - first, first % ALIGNMENT)
        began = perf_counter()
        file.read_into(out, first, executor)
        tell(self._observer, file, start, stop, began)
        return out.data[start - first : stop - first]

    def begin(
        self, device: Accelerator, file: VirtualFile, start: int, stop: int
    ) -> Callable[[], memoryview]:
        """Start to compute the bytes [start, stop) on a device; the result waits for them."""
        out = self._buffers.lend(stop - start, start % ALIGNMENT)
        began = perf_counter()
        synchronize = device.begin(file, start, out)

        def landed() -> memoryview:
            synchronize()
            tell(self._observer, file, start, stop, began)
            return out.data

        return landed
