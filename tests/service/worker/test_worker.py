"""Worker: streams of the file's bytes, a small window, cancellation."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from itertools import accumulate
from typing import Any

import pytest
import torch

from service.worker.chunks import MAX_GROWTH
from service.worker.worker import MIN_ACCELERATOR_ELEMENTS, Worker
from tensorseed.concurrency.cancellation import ComputationCancelledError
from tensorseed.concurrency.cpu import NICENESS_STEP
from tensorseed.devices.registry import Devices
from tensorseed.errors import CapacityError, DeviceError
from tensorseed.files.virtual_file import BLOCK, VirtualFile, open_file
from tensorseed.sampling.distributions.orthogonal import OrthogonalPreparation
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.devices.fake import BROKEN, GIB, FakeDevice
from tests.waiting import PATIENCE

CHUNK = 10_000
WINDOW = 3


def normal(*shape: int, **spec: Any) -> VirtualFile:
    layer = {"name": "w", "type": "Tensor", "shape": shape, "init": "normal"}
    return open_file(parse_spec(json.dumps({**spec, "layers": [layer]}).encode(), Limits()))


def with_worker(
    use: Callable[[Worker], Coroutine[Any, Any, None]], threads: int = 2, *fakes: FakeDevice
) -> None:
    """Run `use` with a worker that is closed afterwards."""

    async def main() -> None:
        worker = Worker(threads, CHUNK, WINDOW, devices=Devices(lambda: fakes) if fakes else None)
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
    whole = file.read(0, file.size).tobytes()

    async def use(worker: Worker) -> None:
        for start, stop in [(0, file.size), (1, 9_999), (9_999, 30_001), (77, 77)]:
            chunks = await collect(worker.stream(file, start, stop))
            assert b"".join(chunks) == whole[start:stop]
            ends = list(accumulate(map(len, chunks), initial=start))[1:]
            assert all(end % CHUNK == 0 for end in ends[:-1])
            assert all(0 < len(chunk) <= MAX_GROWTH * CHUNK for chunk in chunks)

    with_worker(use, threads)


def test_zeros_are_streamed_as_they_are_read():
    layers = [
        {"name": "a", "type": "Tensor", "shape": [20_000], "init": "zeros"},
        {"name": "b", "type": "Tensor", "shape": [7], "init": "normal"},
        {"name": "c", "type": "Tensor", "shape": [30_001], "init": "zeros", "dtype": "bfloat16"},
    ]
    file = open_file(parse_spec(json.dumps({"layers": layers}).encode(), Limits()))
    whole = file.read(0, file.size).tobytes()

    async def use(worker: Worker) -> None:
        for start, stop in [(0, file.size), (9_999, file.size - 1), (file.size - 5, file.size)]:
            assert b"".join(await collect(worker.stream(file, start, stop))) == whole[start:stop]

    with_worker(use)


def test_many_streams_at_once_do_not_mix():
    files = [normal(100 + i, 300) for i in range(20)]

    async def use(worker: Worker) -> None:
        answers = await asyncio.gather(*(collect(worker.stream(file, 0, file.size)) for file in files))
        for file, chunks in zip(files, answers, strict=True):
            assert b"".join(chunks) == file.read(0, file.size).tobytes()

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


def test_chunks_stay_small_for_a_reader_who_finds_them_ready():
    file = normal(1 << 15, 1 << 15)

    async def use(worker: Worker) -> None:
        async with aclosing(worker.stream(file, 0, file.size)) as stream:
            for _ in range(8):
                assert len(await anext(stream)) == CHUNK
                await worker.pools.chunks.run(
                    lambda _: None, 1e-6
                )  # behind all chunks that are begun, in the only thread

    with_worker(use, 1)


def test_chunks_grow_for_a_reader_who_waits_for_them(monkeypatch):
    file, wanted, read_into = normal(1 << 15, 1 << 15), threading.Semaphore(0), VirtualFile.read_into

    def patient(file: VirtualFile, *arguments: Any) -> None:
        assert wanted.acquire(timeout=PATIENCE)
        read_into(file, *arguments)

    monkeypatch.setattr(VirtualFile, "read_into", patient)

    async def use(worker: Worker) -> None:
        sizes = []
        async with aclosing(worker.stream(file, 0, file.size)) as stream:
            for _ in range(7):
                wanted.release()
                sizes.append(len(await anext(stream)) // CHUNK)
        wanted.release(2 * WINDOW)  # for what the thread has begun
        assert sizes == [1, 1, 1, 2, 4, 8, 8]

    with_worker(use, 1)


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
            if start + BLOCK > 2 * CHUNK:
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
        devices = [device.name for device in worker.devices()]
        assert devices[0] == "cpu"
        for name in ("auto", *devices):
            worker.check_device(name)
        with pytest.raises(DeviceError, match="it has: cpu"):
            worker.check_device("cuda:99")

    with_worker(use)


def order_of_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose chunks are computed, in order."""
    read: list[str] = []
    read_into = VirtualFile.read_into

    def noted(file: VirtualFile, *arguments: Any) -> None:
        read.append(file.digest)
        read_into(file, *arguments)

    monkeypatch.setattr(VirtualFile, "read_into", noted)
    return read


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_chunks_of_several_streams_take_turns(device, monkeypatch):
    files = [normal(300, 300, seed=seed, device=device) for seed in range(4)]
    read = order_of_reads(monkeypatch)
    monkeypatch.setattr("service.worker.chunks.MAX_GROWTH", 1)  # so that all reads are of one size
    noted = VirtualFile.read_into
    loops: list[asyncio.AbstractEventLoop] = []

    def unhurried(file: VirtualFile, *arguments: Any) -> None:
        noted(file, *arguments)
        for _ in range(10):  # turns of the loop, in which it asks for the next chunks
            turned = threading.Event()
            loops[0].call_soon_threadsafe(turned.set)
            assert turned.wait(PATIENCE)

    monkeypatch.setattr(VirtualFile, "read_into", unhurried)

    async def use(worker: Worker) -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.gather(*(collect(worker.stream(file, 0, file.size)) for file in files))

    with_worker(use, 1, FakeDevice())
    assert {file.digest for file in files} == set(read)
    for count in range(len(read) - len(files) * WINDOW):  # until the first stream may have ended
        done = [read[:count].count(file.digest) for file in files]
        assert max(done) - min(done) <= 2 * WINDOW


def test_a_stream_from_another_device_is_the_same_file():
    file = normal(123, 457, device="cuda")
    whole = file.read(0, file.size).tobytes()
    fake = FakeDevice()

    async def use(worker: Worker) -> None:
        for start, stop in [(0, file.size), (1, 9_999), (9_999, 30_001), (77, 77), (0, len(file.header))]:
            assert b"".join(await collect(worker.stream(file, start, stop))) == whole[start:stop]

    with_worker(use, 2, fake)
    assert fake.threads == {"cuda:0"}


def test_a_chunk_of_another_device_is_begun_before_the_one_under_way_is_there(monkeypatch):
    file, fake = normal(100, 200, device="cuda:0"), FakeDevice()
    queued, send = threading.Event(), fake.send

    def patient(values: Any) -> Any:
        assert queued.wait(PATIENCE)
        return send(values)

    monkeypatch.setattr(fake, "send", patient)

    async def use(worker: Worker) -> None:
        reading = asyncio.ensure_future(collect(worker.stream(file, 0, 3 * CHUNK)))
        while not fake.noted("begin") or len(worker._device_queues["cuda:0"]._queue) < 2:
            await asyncio.sleep(0)
        queued.set()
        await reading

    with_worker(use, 2, fake)
    assert fake.noted("begin", "end") == [
        ("begin", 0),
        ("begin", CHUNK),
        ("end", 0),
        ("begin", 2 * CHUNK),
        ("end", CHUNK),
        ("end", 2 * CHUNK),
    ]


def test_the_chunks_of_another_device_occupy_no_thread_of_the_pool():
    file, free = normal(300, 300, device="cuda:0"), threading.Event()

    async def use(worker: Worker) -> None:
        await worker.device("cuda:0")
        blocked = [asyncio.ensure_future(worker.run(free.wait, PATIENCE)) for _ in range(2)]
        assert sum(map(len, await collect(worker.stream(file, 0, file.size)))) == file.size
        assert not any(task.done() for task in blocked)
        free.set()
        await asyncio.gather(*blocked)

    with_worker(use, 2, FakeDevice())


def test_a_slow_reader_of_another_device_holds_a_window_and_no_more():
    file, fake = normal(1 << 15, 1 << 15, device="cuda:0"), FakeDevice()

    async def use(worker: Worker) -> None:
        stream = worker.stream(file, 0, file.size)
        await anext(stream)
        await asyncio.sleep(0.3)
        assert len(fake.noted("begin")) <= WINDOW
        await stream.aclose()
        await asyncio.sleep(0.1)
        assert len(fake.noted("begin")) <= WINDOW

    with_worker(use, 2, fake)


@pytest.mark.parametrize("trouble", ["trouble", "late_trouble"])
def test_a_device_out_of_memory_says_so_and_goes_on(trouble):
    file, fake = normal(100, 200, device="cuda:0"), FakeDevice()

    async def use(worker: Worker) -> None:
        setattr(fake, trouble, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 6.00 GiB."))
        with pytest.raises(CapacityError, match=r"cuda:0 .* 6\.0 GiB .* 3\.0 GiB"):
            await collect(worker.stream(file, 0, file.size))
        setattr(fake, trouble, None)
        assert await collect(worker.stream(file, 0, file.size))
        assert worker.failed_devices() == []

    with_worker(use, 2, fake)


@pytest.mark.parametrize("trouble", ["trouble", "late_trouble"])
def test_a_device_that_fails_is_taken_out_and_the_others_go_on(trouble):
    file, fake = normal(100, 200, device="cuda:0"), FakeDevice()
    other = normal(100, 200, device="cuda:1")

    async def use(worker: Worker) -> None:
        setattr(fake, trouble, RuntimeError(BROKEN))
        for _ in range(2):
            with pytest.raises(DeviceError, match="cuda:0 failed"):
                await collect(worker.stream(file, 0, file.size))
        with pytest.raises(DeviceError, match="cuda:0 failed"):
            worker.check_device("cuda")
        assert [device.name for device in worker.devices()] == ["cpu", "cuda:1"]
        assert worker.failed_devices() == [fake]
        for healthy in (other, normal(100, 200)):
            assert await collect(worker.stream(healthy, 0, healthy.size))

    with_worker(use, 2, fake, FakeDevice("cuda:1"))


def test_a_host_out_of_memory_says_so():
    def greedy(*_: Any) -> None:
        raise MemoryError

    async def use(worker: Worker) -> None:
        for working in (worker.run(greedy), worker.run_cancellable(greedy)):
            with pytest.raises(CapacityError, match="cpu ran out of memory"):
                await working
        worker._chunks.compute = greedy  # type: ignore[method-assign]
        with pytest.raises(CapacityError, match="cpu ran out of memory"):
            await collect(worker.stream(normal(100, 200), 0, 100))

    with_worker(use)


def test_a_file_of_torchs_is_told_of_its_device(monkeypatch):
    file, fake = normal(4, 4, device="cuda:0", generator="torch"), FakeDevice()

    async def use(worker: Worker) -> None:
        memory = torch.OutOfMemoryError("CUDA out of memory.")
        for error, told in [(memory, CapacityError), (RuntimeError(BROKEN), DeviceError)]:

            async def get(_: Any, error: Exception = error) -> None:
                raise error

            monkeypatch.setattr(worker._torch_files, "get", get)
            with pytest.raises(told, match="cuda:0"):
                await collect(worker.stream(file, 0, file.size))

    with_worker(use, 2, fake)


def test_a_job_is_told_of_the_device_that_it_named():
    def broken(cancelled: Callable[[], bool]) -> None:
        raise RuntimeError(BROKEN)

    async def use(worker: Worker) -> None:
        with pytest.raises(DeviceError, match="cuda:0 failed"):
            await worker.run_cancellable(broken, "cuda")
        with pytest.raises(DeviceError, match="cuda:0 failed"):
            await worker.run_cancellable(lambda cancelled: None, "cuda")
        with pytest.raises(DeviceError, match="cuda:1 failed"), worker.translating_errors("cuda:1"):
            broken(bool)

    with_worker(use, 2, FakeDevice(), FakeDevice("cuda:1"))


def test_auto_takes_another_device_for_large_losses_and_evaluations_alone():
    small, large = FakeDevice("cuda:0", GIB // 8), FakeDevice("cuda:1", 7 * GIB)

    async def use(worker: Worker) -> None:
        for work, least in MIN_ACCELERATOR_ELEMENTS.items():
            assert worker.choose(work, least - 1) == "cpu"
            assert worker.choose(work, least) == "cuda:1"
            assert worker.choose(work, 1 << 40) == "cpu"
        assert worker.choose("weights", 1 << 40) == "cpu"
        large.translate_error(RuntimeError(BROKEN))
        assert worker.choose("losses", MIN_ACCELERATOR_ELEMENTS["losses"]) == "cpu"

    with_worker(use, 1, small, large)


def test_auto_stays_on_a_cpu_that_is_alone():
    async def use(worker: Worker) -> None:
        worker._devices = Devices(list)
        assert worker.choose("losses", 1 << 30) == "cpu"

    with_worker(use)


def test_a_job_has_the_result_of_its_function():
    async def use(worker: Worker) -> None:
        assert await worker.run_cancellable(lambda cancelled: (5, cancelled())) == (5, False)
        with pytest.raises(RuntimeError, match="broken"):
            await worker.run_cancellable(broken)

    def broken(cancelled: Callable[[], bool]) -> None:
        raise RuntimeError("broken")

    with_worker(use)


class Job:
    """A job that ends when it is cancelled, and not before."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()

    def __call__(self, cancelled: Callable[[], bool]) -> None:
        self.begun.set()
        while not cancelled():
            self.begun.wait(0.001)
        self.ended.set()


async def begun(job: Job) -> None:
    assert await asyncio.to_thread(job.begun.wait, PATIENCE)


def test_a_job_is_stopped_when_nobody_awaits_it():
    async def use(worker: Worker) -> None:
        job = Job()
        waiting = asyncio.ensure_future(worker.run_cancellable(job))
        await begun(job)
        waiting.cancel()
        assert await asyncio.to_thread(job.ended.wait, PATIENCE)

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


def test_what_takes_long_to_prepare_keeps_no_thread_of_the_pool(monkeypatch):
    layer = {"name": "w", "type": "Tensor", "shape": [20_000, 200], "init": "orthogonal"}
    file = open_file(parse_spec(json.dumps({"seed": 5, "layers": [layer]}).encode(), Limits()))
    begun, free = threading.Event(), threading.Event()
    run = OrthogonalPreparation.run

    def slow(preparation: OrthogonalPreparation) -> None:
        begun.set()
        assert free.wait(PATIENCE)
        run(preparation)

    monkeypatch.setattr(OrthogonalPreparation, "run", slow)

    async def use(worker: Worker) -> None:
        reading = asyncio.ensure_future(collect(worker.stream(file, 0, 10 * CHUNK)))
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        other = normal(50, 50)
        assert b"".join(await collect(worker.stream(other, 0, other.size)))
        free.set()
        assert b"".join(await reading) == file.read(0, 10 * CHUNK).tobytes()

    with_worker(use, threads=1)


def test_a_chunk_that_takes_long_is_given_up_with_its_reader(monkeypatch):
    layer = {"name": "w", "type": "Tensor", "shape": [400, 300], "init": "orthogonal"}
    file = open_file(parse_spec(json.dumps({"seed": 6, "layers": [layer]}).encode(), Limits()))
    begun, left, ended = threading.Event(), threading.Event(), threading.Event()
    read_into = VirtualFile.read_into

    def slow(self: VirtualFile, *args: Any) -> None:
        begun.set()
        assert left.wait(PATIENCE)
        try:
            read_into(self, *args)
        except ComputationCancelledError:
            ended.set()
            raise

    monkeypatch.setattr(VirtualFile, "read_into", slow)

    async def use(worker: Worker) -> None:
        reading = asyncio.ensure_future(collect(worker.stream(file, file.size - 5_000, file.size)))
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        left.set()
        assert await asyncio.to_thread(ended.wait, PATIENCE)

    with_worker(use)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no niceness of their own")
def test_threads_that_compute_step_back_behind_the_one_that_answers():
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def use(worker: Worker) -> None:
        here = niceness()
        pools = worker.pools
        cheap = (pools.chunks, pools.short_jobs)
        dear = (pools.dear_chunks, pools.long_chunks, pools.preparations)
        jobs = (pools.evaluations, pools.losses, pools.torch)
        assert await worker.run(niceness) == here
        for pool in (*cheap, *dear, *jobs):
            step = NICENESS_STEP if pool in cheap else 2 * NICENESS_STEP
            assert await pool.run(lambda _: niceness(), 1.0) == min(here + step, 19)
        assert niceness() == here

    with_worker(use, 1)
