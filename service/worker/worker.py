"""The worker: it computes files chunk by chunk, in a bounded pool of threads, on the devices of this host.

A stream keeps a small window of chunks ahead of its reader. A slow reader therefore holds a few small chunks
and no thread, the chunks of all streams take turns in the pool's queue, and a reader that leaves stops its
stream within a chunk.

The CPU's chunks are computed in the pool. Every other device has a queue with a thread of its own, so that
its chunks keep no thread of the pool waiting.

Jobs that compute for long, such as evaluations, have threads of their own, so that no stream waits for one.
Who stops waiting for a job stops it.

Threads that compute on the CPU step back behind the one that answers.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import ParamSpec, TypeVar

from tensorseed.concurrency.cancellation import Cancelled, cancellable
from tensorseed.concurrency.cpu import lower_priority
from tensorseed.devices import Accelerator, Device, Devices
from tensorseed.files.materialised import Materialised
from tensorseed.files.precompute import missing_preparations
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.distributions import Preparation
from tensorseed.sampling.executors.base import Executor
from tensorseed.sampling.executors.kernel_cache import compile_kernels

from ..telemetry import DEVICE, Generation, ThreadPool, file_attributes, span
from .chunk_sizer import ChunkSizers
from .chunks import ChunkComputer, is_cheap, is_zeros
from .device_queue import DeviceQueue
from .metrics_hooks import NO_METRICS, WorkerMetrics, time_queue
from .torch_files import TorchFiles

MIN_AUTO_ELEMENTS = {
    "losses": 1 << 22,
    "evaluations": 1 << 22,
}  # elements from which on `auto` takes another device
BYTES_AN_ELEMENT = 64  # of memory free there: values, gradients and what lies between, with a margin

P = ParamSpec("P")
T = TypeVar("T")
Compute = Callable[[int, int], "Future[memoryview]"]  # begins to compute a file's bytes [start, stop)


class Worker:
    """Owns the threads. `start` before use, `close` after."""

    def __init__(
        self,
        threads: int,
        chunk_bytes: int,
        window: int,
        kernel_cache: Path | None = None,
        materialised_bytes: int = 0,
        devices: Devices | None = None,
        metrics: WorkerMetrics = NO_METRICS,
    ) -> None:
        self._metrics = metrics
        self._sizers = ChunkSizers(chunk_bytes)
        self._window = window
        self._kernel_cache = kernel_cache
        self._pool = ThreadPool(threads, thread_name_prefix="worker", initializer=lower_priority)
        self._jobs = ThreadPool(max(1, threads // 2), thread_name_prefix="job", initializer=lower_priority)
        self._running: set[threading.Event] = set()
        self._devices = devices or Devices()
        self._compiled = self._devices.cpu.executor()
        self._device_queues: dict[str, DeviceQueue[memoryview]] = {}
        self._torch_files = TorchFiles(materialised_bytes)
        self._chunks = ChunkComputer(chunk_bytes, metrics)

    async def start(self) -> None:
        """Compile what requests will need, or load it from the cache."""
        await self.run(compile_kernels, self._kernel_cache)

    async def close(self) -> None:
        """Drop what is queued, let the running chunks end, and stop the running jobs."""
        for cancelled in self._running:
            cancelled.set()
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(self._jobs.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(self._torch_files.close)
        for device_queue in self._device_queues.values():
            await asyncio.to_thread(device_queue.close)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking function in the pool. Raises CapacityError where memory does not suffice."""
        with self._devices.cpu.translating_errors():
            return await asyncio.wrap_future(self._pool.submit(function, *args, **kwargs))

    async def run_cancellable(self, job: Callable[[Cancelled], T], device: str = "auto") -> T:
        """Run a job that may take long, on one of the threads for jobs: half as many as compute.

        The job is handed a function that turns true when the task that awaits this is cancelled, or the
        worker closes; what is still queued then is never begun. `device` is where it computes: it is told
        which one ran out of memory (CapacityError) or failed (DeviceError).
        """
        translating_errors = (await self.device(device)).translating_errors()
        cancelled = threading.Event()
        self._running.add(cancelled)
        try:
            with translating_errors:
                return await asyncio.wrap_future(self._jobs.submit(job, cancelled.is_set))
        finally:
            cancelled.set()
            self._running.discard(cancelled)

    def at_once(self, file: VirtualFile, start: int, stop: int) -> memoryview | None:
        """The file's bytes [start, stop), where they are so few that computing them here and now is quicker
        than asking a thread to; else None.
        """
        if stop - start > self._sizers.chunk_bytes or not is_cheap(file, start, stop):
            return None
        with Generation(file, start, stop) as generation:
            body = self._chunks.compute(file, start, stop, self._compiled)
            generation.nbytes = len(body)
            return body

    async def stream(self, file: VirtualFile, start: int, stop: int) -> AsyncGenerator[memoryview, None]:
        """The file's bytes [start, stop), in chunks that end at multiples of the chunk size.

        Closing the generator cancels every chunk that has not begun, and gives up those that take long. What
        a chunk needs prepared is prepared by a job, so that no thread of the pool waits for it.
        """
        cancelled = threading.Event()
        ahead: deque[asyncio.Future[memoryview]] = deque()
        try:
            with Generation(file, start, stop) as generation, self._sizers.open() as sizer:
                compute = await self._computing(file, stop, cancelled)
                while start < stop or ahead:
                    while start < stop and len(ahead) < self._window:
                        end = sizer.end(start, stop)
                        missing = missing_preparations(file, start, end)
                        if missing and ahead:
                            break
                        if missing:
                            with span("prepare", {DEVICE: "auto"}):
                                await self.run_cancellable(partial(_prepare, missing))
                        ahead.append(self._begun(compute, file, start, end))
                        start = end
                    with self._devices.cpu.translating_errors():
                        chunk = await ahead.popleft()
                    generation.nbytes += len(chunk)
                    began = perf_counter()
                    yield chunk
                    sizer.record(perf_counter() - began, all_ready=all(future.done() for future in ahead))
        finally:
            cancelled.set()
            for future in ahead:
                future.cancel()

    def _begun(
        self, compute: Compute, file: VirtualFile, start: int, stop: int
    ) -> asyncio.Future[memoryview]:
        """A chunk that is being computed, or that needs no computing."""
        if not is_zeros(file, start, stop):
            return asyncio.wrap_future(compute(start, stop))
        future: asyncio.Future[memoryview] = asyncio.get_running_loop().create_future()
        future.set_result(self._chunks.zeros(stop - start))
        return future

    async def _computing(self, file: VirtualFile, stop: int, cancelled: threading.Event) -> Compute:
        """What computes chunks of the file up to `stop`: the pool, or the queue of the spec's device. Nobody
        reads them any more once `cancelled` is set.
        """
        if stop > len(file.header) and file.resolved.generator == "philox":
            device = await self.device(file.resolved.device)
            if isinstance(device, Accelerator):
                device_queue = self._device_queue(device)
                return lambda start, end: device_queue.submit(
                    partial(self._chunks.start, device, file, start, end)
                )
        source = self._compiled if stop <= len(file.header) else await self.source(file)

        def compute(start: int, end: int) -> memoryview:
            with cancellable(cancelled.is_set):
                return self._chunks.compute(file, start, end, source)

        return lambda start, end: self._pool.submit(time_queue(self._metrics, compute), start, end)

    def _device_queue(self, device: Accelerator) -> DeviceQueue[memoryview]:
        """The device's thread, which starts with its first stream."""
        if device.name not in self._device_queues:
            self._device_queues[device.name] = DeviceQueue(device.name, device.translate_error)
        return self._device_queues[device.name]

    async def source(self, file: VirtualFile) -> Executor | Materialised:
        """What to read the file's bytes from in the pool: the compiled loops, whose bits are those of every
        device, or the whole that generator torch computes.
        """
        if file.resolved.generator != "torch":
            return self._compiled
        device = await self.device(file.resolved.device)
        with span("materialise", file_attributes(file)), device.translating_errors():
            return await self._torch_files.get(file.resolved)

    def devices(self) -> list[Device]:
        """The devices of this host that compute. Blocks: the first look at GPUs takes seconds."""
        return self._devices.healthy()

    def known_devices(self) -> list[Device]:
        """Those of them that have been looked for. Looks for none."""
        return self._devices.healthy() if self._devices.known else [self._devices.cpu]

    def failed_devices(self) -> list[Accelerator]:
        """The devices that were found to have failed."""
        return self._devices.failed()

    def check_device(self, name: str) -> None:
        """Raise DeviceError if a spec's `device` is not to be had here, or has failed. Blocks."""
        self._devices.get(name)

    async def device(self, name: str) -> Device:
        """The device of a spec. Raises DeviceError."""
        if name in ("auto", "cpu") or self._devices.known:
            return self._devices.get(name)
        return await self.run(self._devices.get, name)

    def translating_errors(self, name: str) -> AbstractContextManager[None]:
        """A block that computes on a device: out of memory becomes CapacityError, a breakdown DeviceError."""
        return self._devices.get(name).translating_errors()

    def choose(self, work: str, elements: int) -> str:
        """The device that `auto` stands for. Blocks, as `devices` does, for works that leave the CPU at all.

        Weights are drawn on the CPU. Losses and evaluations of at least `MIN_AUTO_ELEMENTS` elements go to
        the GPU with the most memory free, if that is enough for them.
        """
        if elements < MIN_AUTO_ELEMENTS.get(work, elements + 1):
            return "cpu"
        free = {device.name: _free(device) for device in self._devices.healthy()[1:] if work in device.runs}
        best = max(free, key=lambda name: free[name], default="cpu")
        return best if free.get(best, 0) >= BYTES_AN_ELEMENT * elements else "cpu"


def _prepare(missing: Sequence[Preparation], cancelled: Cancelled) -> None:
    with cancellable(cancelled):
        for preparation in missing:
            preparation.run()


def _free(device: Device) -> int:
    """The bytes free on a device, none where it does not tell."""
    memory = device.memory()
    return memory.free if memory else 0
