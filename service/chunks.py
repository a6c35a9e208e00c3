"""Chunks of files, computed into memory that is used again and again."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from service.buffers import Buffers
from service.core.executors.base import Executor
from service.core.materialised import Materialised
from service.core.safetensors_file import ALIGNMENT, BLOCK, VirtualFile
from service.devices import Accelerator
from service.observers import Observer, tell
from service.pace import GROWTH

MARGIN = ALIGNMENT + 2 * BLOCK  # bytes that a buffer has beside the largest chunk
SPARE_UNITS = 8  # of the chunk size: memory of each size of buffers that is kept while nobody uses it


class Chunks:
    """Computes chunks of up to `GROWTH` times `chunk_bytes`, in any thread."""

    def __init__(self, chunk_bytes: int, observer: Observer) -> None:
        self._observer = observer
        self._zeros = memoryview(bytes(GROWTH * chunk_bytes))  # for every stream that needs some
        self._buffers = [
            (units * chunk_bytes, Buffers(units * chunk_bytes + MARGIN, keep=SPARE_UNITS // units))
            for units in (1, 2, GROWTH)
        ]

    def zeros(self, size: int) -> memoryview:
        """That many zeros, which cost nothing."""
        return self._zeros[:size]

    def compute(
        self, file: VirtualFile, start: int, stop: int, executor: Executor | Materialised
    ) -> memoryview:
        """The bytes [start, stop), in a buffer that comes back when nobody holds them any more."""
        first, last = file.around(start, stop)
        out = self._lenders(stop - start).lend(last - first, first % ALIGNMENT)
        began = perf_counter()
        file.read_into(out, first, executor)
        tell(self._observer, file, start, stop, began)
        return out.data[start - first : stop - first]

    def begin(
        self, device: Accelerator, file: VirtualFile, start: int, stop: int
    ) -> Callable[[], memoryview]:
        """Start to compute the bytes [start, stop) on a device; the result waits for them."""
        out = self._lenders(stop - start).lend(stop - start, start % ALIGNMENT)
        began = perf_counter()
        land = device.begin(file, start, out)

        def landed() -> memoryview:
            land()
            tell(self._observer, file, start, stop, began)
            return out.data

        return landed

    def _lenders(self, size: int) -> Buffers:
        """The buffers of the least size that holds a chunk of `size` bytes."""
        return next((some for most, some in self._buffers if size <= most), self._buffers[-1][1])
