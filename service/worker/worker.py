"""Worker: computes files in chunks on bounded threads.

A stream keeps a small window of chunks ahead of its reader. A slow reader therefore holds a few small chunks
and no thread. A cancelled stream ends within a chunk, within a step of a dear one.

Each kind of work has a pool of threads, which clients share fairly. Every other device has a queue with a
thread of its own. Threads that compute on the CPU run at a lower priority than the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import ParamSpec, TypeVar

from tensorseed.devices.base import Accelerator, Device
from tensorseed.devices.registry import Devices
from tensorseed.files.elements import DrawnElements, ElementSource
from tensorseed.files.preparations import missing_for_elements, missing_preparations
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.distributions.base import Elements, Preparation
from tensorseed.sampling.executors.kernel_cache import compile_kernels
from tensorseed.spec.resolved import ResolvedTensor

from ..telemetry import Generation, file_attributes, span
from .chunks import LONG_PREPARATION, Chunk, ChunkComputer, ChunkSizers, bounded, is_cheap, is_zeros
from .device_queue import DeviceQueue
from .fair_pool import FairPool, Job
from .metrics_hooks import NO_METRICS, WorkerMetrics, time_queue
from .pools import SHORT_SECONDS, Pools
from .preparations import Preparations
from .reseeded import ReseededFiles
from .torch_files import Memory, TorchFiles

MIN_ACCELERATOR_ELEMENTS = {"losses": 1 << 22, "evaluations": 1 << 22}  # for device `auto`
ACCELERATOR_BYTES_AN_ELEMENT = 64  # free memory for values, gradients and intermediates, with a margin

P = ParamSpec("P")
T = TypeVar("T")
Compute = Callable[[int, Chunk], "asyncio.Future[memoryview]"]
"""Starts to compute a chunk of a file from its first byte on."""

QUICK_SECONDS = 1e-3  # estimated, of parsing, planning and listing
LONG_SECONDS = 1.0  # estimated, of a job of unknown length
HASH_SECONDS = 2e-9  # estimated, of a byte


class Worker:
    """The threads that compute for one application; `start` before use, `close` after."""

    def __init__(
        self,
        threads: int,
        chunk_bytes: int,
        window: int,
        kernel_cache: Path | None = None,
        materialised_bytes: int = 0,
        devices: Devices | None = None,
        metrics: WorkerMetrics = NO_METRICS,
        memory: Memory | None = None,
    ) -> None:
        self._metrics = metrics
        self._sizers = ChunkSizers(chunk_bytes)
        self._window = window
        self._kernel_cache = kernel_cache
        self.pools = Pools.create(threads)
        self._preparations = Preparations(self.pools)
        self._devices = devices or Devices()
        self._compiled = self._devices.cpu.executor()
        self._device_queues: dict[str, DeviceQueue[memoryview]] = {}
        self._torch_files = TorchFiles(materialised_bytes, self.pools.torch, memory)
        self._chunks = ChunkComputer(chunk_bytes, metrics)

    async def start(self) -> None:
        """Compile the loops that draw, or load them from the cache."""
        await self.run(compile_kernels, self._kernel_cache)

    async def close(self) -> None:
        """Cancel what is queued and under way; cheap chunks are finished."""
        await self.pools.close()
        for device_queue in self._device_queues.values():
            await asyncio.to_thread(device_queue.close)

    @property
    def cached(self) -> int:
        """The number of files of generator torch that are cached."""
        return self._torch_files.cached

    def clear(self) -> None:
        """Forget the files of generator torch that no stream reads."""
        self._torch_files.clear()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that computes no elements, such as parsing or planning, in the quick pool.

        Raises:
            CapacityError: the host's memory does not suffice.
        """
        with self._devices.cpu.translating_errors():
            return await self.pools.quick.run(lambda _: function(*args, **kwargs), QUICK_SECONDS)

    async def run_cancellable(
        self, job: Job[T], device: str = "auto", pool: FairPool | None = None, seconds: float = LONG_SECONDS
    ) -> T:
        """Run a job in a pool, by default that of evaluations; a short one in that of short jobs.

        The job is cancelled with the awaiting task, or when the worker closes. `device` is the device on
        which it computes, `seconds` an estimate.

        Raises:
            CapacityError: the device's memory does not suffice.
            DeviceError: this host lacks the device, or it failed.
        """
        computing = await self.device(device)
        with computing.translating_errors():
            pool = self.pools.short_jobs if seconds <= SHORT_SECONDS else pool or self.pools.evaluations
            return await pool.run(job, seconds)

    async def read(self, file: VirtualFile, job: Callable[[ElementSource], T]) -> T:
        """Run a job that reads all of a small file's elements.

        Raises:
            PreparationsBusyError: as many streams as may be wait for preparations.
            CapacityError: the host's memory does not suffice.
        """
        chunk = bounded(file, 0, file.size)
        seconds = chunk.seconds if chunk.stop == file.size else LONG_SECONDS
        missing = missing_preparations(file, 0, chunk.stop, LONG_PREPARATION)
        return await self._read(file, missing, seconds, job)

    async def read_elements(
        self, file: VirtualFile, tensor: ResolvedTensor, some: Elements, job: Callable[[ElementSource], T]
    ) -> T:
        """Run a job that reads some elements of a tensor; see `read`."""
        missing = missing_for_elements(file.resolved, tensor, some, LONG_PREPARATION)
        return await self._read(file, missing, tensor.distribution.seconds(tensor.dtype, some), job)

    async def _read(
        self, file: VirtualFile, missing: list[Preparation], seconds: float, job: Callable[[ElementSource], T]
    ) -> T:
        source = await self.source(file)
        if missing:
            await self._preparations.run(missing, begins=True)
        with self._devices.cpu.translating_errors():
            return await self.pools.for_chunk(seconds).run(lambda _: job(source), seconds)

    def at_once(self, file: VirtualFile, start: int, stop: int) -> memoryview | None:
        """Compute the file's bytes [start, stop) in the calling thread, where they are cheap; else None."""
        if stop - start > self._sizers.chunk_bytes or not is_cheap(file, start, stop):
            return None
        return self._chunks.generate(file, start, stop, DrawnElements(file.resolved, self._compiled))

    def reseeded(self, file: VirtualFile) -> ReseededFiles:
        """Return what computes the files of a spec with other seeds, where `at_once` computes this one."""
        return ReseededFiles(file, self._compiled, self._chunks, self._metrics)

    async def stream(self, file: VirtualFile, start: int, stop: int) -> AsyncGenerator[memoryview, None]:
        """Yield the file's bytes [start, stop), in chunks that end at multiples of the chunk size.

        Closing the generator cancels the queued chunks and those that take long.
        Long preparations have a pool of their own, so that no thread for chunks waits for one.

        Raises:
            PreparationsBusyError: as many streams as may be wait for preparations; nothing was yielded.
        """
        ahead: deque[asyncio.Future[memoryview]] = deque()
        try:
            with Generation(file, start, stop) as generation, self._sizers.open() as sizer:
                compute = await self._compute(file, stop)
                while start < stop or ahead:
                    while start < stop and len(ahead) < self._window:
                        chunk = bounded(file, start, sizer.end(start, stop))
                        missing = missing_preparations(file, start, chunk.stop, LONG_PREPARATION)
                        if missing and ahead:
                            break
                        if missing:
                            await self._preparations.run(missing, begins=not generation.nbytes)
                        ahead.append(self._start(compute, file, start, chunk))
                        start = chunk.stop
                    with self._devices.cpu.translating_errors():
                        computed = await ahead.popleft()
                    generation.nbytes += len(computed)
                    yielded = perf_counter()
                    yield computed
                    sizer.record(perf_counter() - yielded, all_ready=all(future.done() for future in ahead))
        finally:
            for future in ahead:
                future.cancel()

    async def hash(self, update: Callable[[memoryview], None], chunk: memoryview) -> None:
        """Feed a chunk to a hash, in the pool of chunks."""
        await self.pools.chunks.run(lambda _: update(chunk), len(chunk) * HASH_SECONDS)

    def _start(
        self, compute: Compute, file: VirtualFile, start: int, chunk: Chunk
    ) -> asyncio.Future[memoryview]:
        """Start to compute a chunk; zeros need no computation."""
        if not is_zeros(file, start, chunk.stop):
            return compute(start, chunk)
        future: asyncio.Future[memoryview] = asyncio.get_running_loop().create_future()
        future.set_result(self._chunks.zeros(chunk.stop - start))
        return future

    async def _compute(self, file: VirtualFile, stop: int) -> Compute:
        """Return what computes chunks of the file up to `stop`.

        It is a pool, or the queue of the spec's device. Dear chunks are the CPU's: it computes them anyway.
        """
        queue, device = None, None
        if stop > len(file.header) and file.resolved.generator == "philox":
            device = await self.device(file.resolved.device)
            queue = self._device_queue(device) if isinstance(device, Accelerator) else None
        drawn = DrawnElements(file.resolved, self._compiled)
        source = drawn if stop <= len(file.header) else await self.source(file)

        def compute(start: int, chunk: Chunk) -> asyncio.Future[memoryview]:
            if queue is not None and isinstance(device, Accelerator) and not chunk.is_dear:
                starting = partial(self._chunks.start, device, file, start, chunk.stop)
                return asyncio.wrap_future(queue.submit(starting, chunk.seconds))
            work: Callable[[], memoryview] = partial(self._chunks.compute, file, start, chunk.stop, source)
            if not chunk.is_dear:  # dear ones wait for each other, however many cores there are
                work = time_queue(self._metrics, work)
            return self.pools.for_chunk(chunk.seconds).start(lambda _: work(), chunk.seconds)

        return compute

    def _device_queue(self, device: Accelerator) -> DeviceQueue[memoryview]:
        """Return the queue of a device; its thread starts with the first stream."""
        if device.name not in self._device_queues:
            self._device_queues[device.name] = DeviceQueue(device.name, device.translate_error)
        return self._device_queues[device.name]

    async def source(self, file: VirtualFile) -> ElementSource:
        """Return the source of the file's elements in the pool.

        It draws them by compiled loops, whose bits are those of every device.
        With generator torch it is the whole file, materialised.
        """
        if file.resolved.generator != "torch":
            return DrawnElements(file.resolved, self._compiled)
        device = await self.device(file.resolved.device)
        with span("materialise", file_attributes(file)), device.translating_errors():
            return await self._torch_files.get(file.resolved)

    def devices(self) -> list[Device]:
        """Return the healthy devices of this host. Blocks: the first search for GPUs takes seconds."""
        return self._devices.healthy()

    def known_devices(self) -> list[Device]:
        """Return the healthy devices that were found so far. Starts no search."""
        return self._devices.healthy() if self._devices.known else [self._devices.cpu]

    def failed_devices(self) -> list[Accelerator]:
        """Return the devices that failed."""
        return self._devices.failed()

    def check_device(self, name: str) -> None:
        """Check that a spec's device is here and healthy. Blocks.

        Raises:
            DeviceError: this host lacks the device, or it failed.
        """
        self._devices.get(name)

    async def device(self, name: str) -> Device:
        """Return the device of a spec.

        Raises:
            DeviceError: this host lacks the device, or it failed.
        """
        if name in ("auto", "cpu") or self._devices.known:
            return self._devices.get(name)
        return await self.run(self._devices.get, name)

    def translating_errors(self, name: str) -> AbstractContextManager[None]:
        """Translate the errors of a block that computes on a device: CapacityError or DeviceError."""
        return self._devices.get(name).translating_errors()

    def choose(self, work: str, elements: int) -> str:
        """Return the device that `auto` stands for. Blocks, as `devices` does.

        Weights are drawn on the CPU. Losses and evaluations of at least `MIN_ACCELERATOR_ELEMENTS` go to the
        GPU with the most free memory, if that suffices.
        """
        if elements < MIN_ACCELERATOR_ELEMENTS.get(work, elements + 1):
            return "cpu"
        free = {device.name: _free(device) for device in self._devices.healthy()[1:] if work in device.runs}
        best = max(free, key=lambda name: free[name], default="cpu")
        return best if free.get(best, 0) >= ACCELERATOR_BYTES_AN_ELEMENT * elements else "cpu"


def _free(device: Device) -> int:
    """Return the free bytes of a device, 0 where it does not report them."""
    memory = device.memory()
    return memory.free if memory else 0
