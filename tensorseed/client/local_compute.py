"""Files computed in this process: any ranges of their bytes, on all cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tensorseed.client.errors import RefusedError
from tensorseed.concurrency.buffers import BufferPool, Bytes
from tensorseed.errors import SpecError, TensorseedError
from tensorseed.files.elements import ElementSource, element_source
from tensorseed.files.virtual_file import ALIGNMENT, VirtualFile
from tensorseed.sampling.executors.kernel_cache import compile_kernels
from tensorseed.spec.limits import Limits

CHUNK = 1 << 20  # bytes computed at a time
AHEAD = 2  # chunks on their way for each thread
LIMITS = Limits(materialised_bytes=1 << 40, token_chars=1 << 26)
"""Those of a service, but for what only a machine's memory bounds here."""

S = TypeVar("S")
T = TypeVar("T")


class Generation:
    """Computes the bytes of one file."""

    def __init__(self, file: VirtualFile, threads: int, kernel_cache: Path | None) -> None:
        """Compile what it takes. Raises RefusedError where this host cannot compute the file."""
        self._file = file
        self._threads = threads
        self._buffers = BufferPool([CHUNK + ALIGNMENT], (AHEAD * threads + 2) * (CHUNK + ALIGNMENT))
        with refusing():
            self._source = _source(file, kernel_cache)

    def read(self, start: int, stop: int) -> Bytes:
        """The bytes [start, stop) of the file, in a buffer that is used again once nobody holds it."""
        out = self._buffers.acquire(stop - start, start % ALIGNMENT)
        self._file.read_into(out, start, self._source)
        return out

    def each(self, items: Iterable[S], work: Callable[[S], T]) -> Iterator[T]:
        """What `work` makes of each item, in order; it runs on all threads, a little ahead."""
        waiting: deque[Future[T]] = deque()
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="generation")
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= AHEAD * self._threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _source(file: VirtualFile, kernel_cache: Path | None) -> ElementSource:
    if file.resolved.generator != "torch":
        compile_kernels(kernel_cache)
        return element_source(file.resolved)
    from tensorseed.devices import Devices

    with Devices().get(file.resolved.device).translating_errors():
        return element_source(file.resolved)


@contextmanager
def refusing() -> Iterator[None]:
    """A block whose errors about specs end the command."""
    try:
        yield
    except SpecError as error:
        faults = [(fault.pointer, fault.detail) for fault in error.faults]
        raise RefusedError.of(str(error), faults) from None
    except TensorseedError as error:
        raise RefusedError(str(error)) from None
