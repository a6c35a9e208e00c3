"""Computation of a file's bytes on several threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tensorseed.concurrency.buffers import BufferPool, Bytes
from tensorseed.concurrency.float_environment import reset_float_environment
from tensorseed.files.elements import ElementSource
from tensorseed.files.virtual_file import ALIGNMENT, VirtualFile

CHUNK_BYTES = 1 << 20
AHEAD = 2  # chunks under way for each thread

S = TypeVar("S")
T = TypeVar("T")


class FileComputation:
    """Computes the bytes of one file from a source of its elements."""

    def __init__(self, file: VirtualFile, source: ElementSource, threads: int, held: int = 0) -> None:
        """`held` are bytes that its reader keeps before it lets go of a chunk, whose memory is used again."""
        self.file = file
        self.source = source
        self.threads = threads
        self._buffers = BufferPool(
            [CHUNK_BYTES + ALIGNMENT], (AHEAD * threads + 2) * (CHUNK_BYTES + ALIGNMENT) + held
        )

    def read(self, start: int, stop: int) -> Bytes:
        """Compute the bytes [start, stop) of the file into a pooled buffer."""
        out = self._buffers.acquire(stop - start, start % ALIGNMENT)
        self.file.read_into(out, start, self.source)
        return out

    def chunks(self) -> Generator[Bytes]:
        """Yield all bytes of the file in order."""
        starts = range(0, self.file.size, CHUNK_BYTES)
        return self.map(lambda start: self.read(start, min(start + CHUNK_BYTES, self.file.size)), starts)

    def map(self, function: Callable[[S], T], items: Iterable[S]) -> Generator[T]:
        """Yield the results of `function` in order; it runs on all threads, a little ahead."""
        waiting: deque[Future[T]] = deque()
        pool = ThreadPoolExecutor(
            self.threads, thread_name_prefix="computation", initializer=reset_float_environment
        )
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= AHEAD * self.threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
