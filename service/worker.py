"""The worker: it computes files chunk by chunk, in a bounded pool of threads, on the devices of this host.

A stream keeps a small window of chunks ahead of its reader. A slow reader therefore holds a few chunks and no
thread, the chunks of all streams take turns in the pool's queue, and a reader that leaves stops its stream
within a chunk.

Jobs that compute for long, such as evaluations, have threads of their own, so that no stream waits for one.
Who stops waiting for a job stops it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import ParamSpec, TypeVar

from service.buffers import Buffers
from service.core.errors import DeviceError
from service.core.executors.base import Executor
from service.core.executors.compiled import CompiledExecutor, prepare
from service.core.materialised import Materialised
from service.core.safetensors_file import ALIGNMENT, VirtualFile
from service.inline import is_quick
from service.materials import Materials

SPARE_CHUNKS = 16  # buffers that are kept while nobody uses them

P = ParamSpec("P")
T = TypeVar("T")
Stopped = Callable[[], bool]  # whether nobody waits any more; a job asks it often, and ends soon after


class Worker:
    """Owns the threads. `start` before use, `close` after."""

    def __init__(
        self,
        threads: int,
        chunk_bytes: int,
        window: int,
        kernel_cache: Path | None = None,
        materialised_bytes: int = 0,
    ) -> None:
        self._chunk_bytes = chunk_bytes
        self._window = window
        self._kernel_cache = kernel_cache
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._jobs = ThreadPoolExecutor(max(1, threads // 2), thread_name_prefix="job")
        self._running: set[threading.Event] = set()
        self._compiled = CompiledExecutor()
        self._materials = Materials(materialised_bytes)
        self._buffers = Buffers(chunk_bytes + ALIGNMENT, keep=SPARE_CHUNKS)

    async def start(self) -> None:
        """Compile what requests will need, or load it from the cache."""
        await self.run(prepare, self._kernel_cache)

    async def close(self) -> None:
        """Drop what is queued, let the running chunks end, and stop the running jobs."""
        for stop in self._running:
            stop.set()
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(self._jobs.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(self._materials.close)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking function in the pool."""
        return await asyncio.wrap_future(self._pool.submit(function, *args, **kwargs))

    async def run_cancellable(self, job: Callable[[Stopped], T]) -> T:
        """Run a job that may take long, on one of the threads for jobs: half as many as compute.

        The job is handed a function that turns true when the task that awaits this is cancelled, or the
        worker closes; what is still queued then is never begun.
        """
        stop = threading.Event()
        self._running.add(stop)
        try:
            return await asyncio.wrap_future(self._jobs.submit(job, stop.is_set))
        finally:
            stop.set()
            self._running.discard(stop)

    def at_once(self, file: VirtualFile, start: int, stop: int) -> memoryview | None:
        """The file's bytes [start, stop), where they are so few that computing them here and now is quicker
        than asking a thread to; else None.
        """
        if stop - start > self._chunk_bytes or not is_quick(file, start, stop):
            return None
        return self._chunk(file, start, stop, self._compiled)

    async def stream(self, file: VirtualFile, start: int, stop: int) -> AsyncGenerator[memoryview, None]:
        """The file's bytes [start, stop), in chunks that end at multiples of the chunk size.

        Closing the generator cancels every chunk that has not begun.
        """
        executor = self._compiled if stop <= len(file.header) else await self.source(file)
        ahead: deque[asyncio.Future[memoryview]] = deque()
        try:
            while start < stop or ahead:
                while start < stop and len(ahead) < self._window:
                    end = min((start // self._chunk_bytes + 1) * self._chunk_bytes, stop)
                    ahead.append(
                        asyncio.wrap_future(self._pool.submit(self._chunk, file, start, end, executor))
                    )
                    start = end
                yield await ahead.popleft()
        finally:
            for future in ahead:
                future.cancel()

    def _chunk(
        self, file: VirtualFile, start: int, stop: int, executor: Executor | Materialised
    ) -> memoryview:
        """The bytes [start, stop), in a buffer that comes back when nobody holds them any more."""
        out = self._buffers.lend(stop - start, start % ALIGNMENT)
        file.read_into(out, start, executor)
        return out.data

    async def source(self, file: VirtualFile) -> Executor | Materialised:
        """What to read the file's bytes from: an executor, or the whole that generator torch computes."""
        if file.resolved.generator == "torch":
            return await self._materials.get(file.resolved)
        return self._executor(file.resolved.device)

    def devices(self) -> list[str]:
        """The devices of this host, by torch's names."""
        return ["cpu", *(f"cuda:{i}" for i in range(_cuda_devices()))]

    def check_device(self, name: str) -> None:
        """Raise DeviceError if a spec's `device` is not to be had here."""
        if name in ("auto", "cpu"):
            return
        devices = self.devices()
        if name not in devices and not (name == "cuda" and len(devices) > 1):
            raise DeviceError(f"this host has no device {name!r}; it has: {', '.join(devices)}")

    def _executor(self, device: str) -> Executor:
        """`philox` gives the same bits everywhere, so `auto` takes what is fastest: the compiled loops."""
        return self._compiled if device in ("auto", "cpu") else _tensor_executor(device)


@cache
def _cuda_devices() -> int:
    """How many CUDA devices torch sees. Imports torch, which the CPU's loops do without."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@cache
def _tensor_executor(device: str) -> Executor:
    from service.core.executors.tensors import TensorExecutor

    return TensorExecutor(device)
