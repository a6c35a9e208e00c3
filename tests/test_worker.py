"""The worker: streams are the file, keep a small window, and stop when their reader leaves."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from service.core.errors import DeviceError
from service.core.executors.compiled import CompiledExecutor
from service.core.limits import Limits
from service.core.safetensors_file import VirtualFile, open_file
from service.core.spec import parse_spec
from service.worker import Worker

CHUNK = 10_000
WINDOW = 3


def normal(*shape: int) -> VirtualFile:
    layer = {"name": "w", "type": "Tensor", "shape": shape, "init": "normal"}
    return open_file(parse_spec(json.dumps({"layers": [layer]}).encode(), Limits()))


def with_worker(use: Callable[[Worker], Coroutine[Any, Any, None]], threads: int = 2) -> None:
    """Run `use` with a worker that is closed afterwards."""

    async def main() -> None:
        worker = Worker(threads, CHUNK, WINDOW)
        try:
            await use(worker)
        finally:
            await worker.close()

    asyncio.run(main())


async def collect(stream: AsyncIterator[memoryview]) -> list[bytes]:
    return [bytes(chunk) async for chunk in stream]


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_a_stream_is_the_file_in_chunks_on_a_grid(threads):
    file = normal(123, 457)
    whole = file.read(0, file.size, CompiledExecutor()).tobytes()

    async def use(worker: Worker) -> None:
        for start, stop in [(0, file.size), (1, 9_999), (9_999, 30_001), (77, 77)]:
            chunks = await collect(worker.stream(file, start, stop))
            assert b"".join(chunks) == whole[start:stop]
            assert len(chunks) == (-(-stop // CHUNK) - start // CHUNK if stop > start else 0)

    with_worker(use, threads)


def test_many_streams_at_once_do_not_mix():
    files = [normal(100 + i, 300) for i in range(20)]

    async def use(worker: Worker) -> None:
        answers = await asyncio.gather(*(collect(worker.stream(file, 0, file.size)) for file in files))
        for file, chunks in zip(files, answers, strict=True):
            assert b"".join(chunks) == file.read(0, file.size, CompiledExecutor()).tobytes()

    with_worker(use)


class Counted(VirtualFile):
    """A file that counts what is computed of it."""

    reads: int = 0

    def read_into(self, *args: Any) -> Any:
        object.__setattr__(self, "reads", self.reads + 1)
        return super().read_into(*args)


def counted(file: VirtualFile) -> Counted:
    return Counted(file.resolved, file.header, file._entries, file.size)


def test_a_slow_reader_holds_a_window_and_no_more():
    file = counted(normal(1 << 15, 1 << 15))

    async def use(worker: Worker) -> None:
        stream = worker.stream(file, 0, file.size)
        await anext(stream)
        await asyncio.sleep(0.3)
        assert file.reads <= WINDOW
        await stream.aclose()

    with_worker(use)


def test_a_reader_that_leaves_stops_its_stream():
    file = counted(normal(1 << 15, 1 << 15))

    async def use(worker: Worker) -> None:
        stream = worker.stream(file, 0, file.size)
        for _ in range(5):
            await anext(stream)
        await stream.aclose()
        read = file.reads
        await asyncio.sleep(0.3)
        assert file.reads <= read + 2  # the chunks that threads had begun

    with_worker(use)


def test_a_fault_while_computing_reaches_the_reader():
    class Broken(VirtualFile):
        def read_into(self, out: Any, start: int, *args: Any) -> None:
            if start >= 2 * CHUNK:
                raise RuntimeError("broken")
            super().read_into(out, start, *args)

    file = normal(100, 1000)
    broken = Broken(file.resolved, file.header, file._entries, file.size)

    async def use(worker: Worker) -> None:
        stream = worker.stream(broken, 0, broken.size)
        await anext(stream)
        await anext(stream)
        with pytest.raises(RuntimeError, match="broken"):
            await anext(stream)

    with_worker(use)


def test_devices_are_named_as_torch_names_them():
    async def use(worker: Worker) -> None:
        devices = worker.devices()
        assert devices[0] == "cpu"
        for name in ("auto", *devices):
            worker.check_device(name)
        with pytest.raises(DeviceError, match="it has: cpu"):
            worker.check_device("cuda:99")

    with_worker(use)


def test_a_job_has_the_result_of_its_function():
    async def use(worker: Worker) -> None:
        assert await worker.run_cancellable(lambda stopped: (5, stopped())) == (5, False)
        with pytest.raises(RuntimeError, match="broken"):
            await worker.run_cancellable(broken)

    def broken(stopped: Callable[[], bool]) -> None:
        raise RuntimeError("broken")

    with_worker(use)


class Job:
    """A job that ends when it is stopped, and not before."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()

    def __call__(self, stopped: Callable[[], bool]) -> None:
        self.begun.set()
        while not stopped():
            self.begun.wait(0.001)
        self.ended.set()


async def begun(job: Job) -> None:
    assert await asyncio.to_thread(job.begun.wait, 60)


def test_a_job_is_stopped_when_nobody_awaits_it():
    async def use(worker: Worker) -> None:
        job = Job()
        waiting = asyncio.ensure_future(worker.run_cancellable(job))
        await begun(job)
        waiting.cancel()
        assert await asyncio.to_thread(job.ended.wait, 60)

    with_worker(use)


def test_a_queued_job_that_nobody_awaits_is_never_begun():
    async def use(worker: Worker) -> None:
        first, second = Job(), Job()
        running = asyncio.ensure_future(worker.run_cancellable(first))
        queued = asyncio.ensure_future(worker.run_cancellable(second))
        await begun(first)
        queued.cancel()
        running.cancel()
        await asyncio.gather(running, queued, return_exceptions=True)
        assert await worker.run_cancellable(lambda _: "next") == "next"
        assert not second.begun.is_set()

    with_worker(use)


def test_jobs_leave_every_thread_of_the_pool_to_the_streams():
    file = normal(64, 64)

    async def use(worker: Worker) -> None:
        jobs = [Job() for _ in range(8)]
        running = [asyncio.ensure_future(worker.run_cancellable(job)) for job in jobs]
        await begun(jobs[0])
        assert b"".join(await collect(worker.stream(file, 0, file.size)))
        assert not jobs[-1].begun.is_set()
        for task in running:
            task.cancel()

    with_worker(use)


def test_a_worker_that_closes_stops_its_jobs():
    async def main() -> None:
        worker, job = Worker(2, CHUNK, WINDOW), Job()
        waiting = asyncio.ensure_future(worker.run_cancellable(job))
        await begun(job)
        await worker.close()
        assert job.ended.is_set()
        await waiting

    asyncio.run(main())
