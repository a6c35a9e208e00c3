"""Jobs of whole files: shared, bounded, and cancelled without waiters."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from service.worker.fair_pool import FairPool
from service.worker.torch_files import TorchFiles
from tensorseed.concurrency.cancellation import ComputationCancelledError, check_cancelled
from tensorseed.errors import TooLargeError
from tensorseed.files import torch_generator
from tensorseed.files.elements import TENSOR_OVERHEAD_BYTES
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec
from tests.waiting import PATIENCE


def spec(seed: int) -> ResolvedSpec:
    layer = {"name": "w", "type": "Tensor", "shape": [250], "init": "normal"}
    return parse_spec(json.dumps({"generator": "torch", "seed": seed, "layers": [layer]}).encode(), Limits())


class Slow:
    """Stands in for the generator: counts, and waits until it may go on or is cancelled."""

    def __init__(self) -> None:
        self.seeds: list[int] = []
        self.cancelled: list[int] = []
        self.begun = threading.Event()
        self.go = threading.Event()
        self.fault: Exception | None = None

    def __call__(self, resolved: ResolvedSpec) -> dict[str, Any]:
        self.seeds.append(resolved.seed)
        self.begun.set()
        while not self.go.wait(0.005):
            try:
                check_cancelled()
            except ComputationCancelledError:
                self.cancelled.append(resolved.seed)
                raise
        if self.fault:
            raise self.fault
        return {"w": np.full(250, resolved.seed, np.float32)}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    stand_in = Slow()
    monkeypatch.setattr(torch_generator, "materialise", stand_in)
    return stand_in


def with_torch_files(use: Callable[[TorchFiles], Coroutine[Any, Any, None]], nbytes: int = 1 << 20) -> None:
    async def main() -> None:
        torch_files = TorchFiles(nbytes, FairPool("torch", 1))
        try:
            await asyncio.wait_for(use(torch_files), PATIENCE)
        finally:
            await asyncio.to_thread(torch_files._pool.close)

    asyncio.run(main())


async def begun(slow: Slow) -> None:
    assert await asyncio.to_thread(slow.begun.wait, 10)


def test_all_who_wait_share_one_computing(slow: Slow) -> None:
    async def use(torch_files: TorchFiles) -> None:
        waiting = [asyncio.create_task(torch_files.get(spec(1))) for _ in range(9)]
        await begun(slow)
        slow.go.set()
        files = await asyncio.gather(*waiting)
        assert all(file is files[0] for file in files)
        assert await torch_files.get(spec(1)) is files[0]
        assert slow.seeds == [1]

    with_torch_files(use)


def test_one_who_leaves_does_not_disturb_the_others(slow: Slow) -> None:
    async def use(torch_files: TorchFiles) -> None:
        first, second = (asyncio.create_task(torch_files.get(spec(1))) for _ in range(2))
        await begun(slow)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        slow.go.set()
        assert (await second).nbytes == 1000 + TENSOR_OVERHEAD_BYTES
        assert (slow.seeds, slow.cancelled) == ([1], [])

    with_torch_files(use)


def test_when_all_have_left_the_computing_ends_and_can_begin_anew(slow: Slow) -> None:
    async def use(torch_files: TorchFiles) -> None:
        waiting = [asyncio.create_task(torch_files.get(spec(1))) for _ in range(2)]
        await begun(slow)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        again = asyncio.create_task(torch_files.get(spec(1)))
        while not slow.cancelled:
            await asyncio.sleep(0.005)
        slow.go.set()
        assert (await again).nbytes == 1000 + TENSOR_OVERHEAD_BYTES
        assert slow.seeds == [1, 1]

    with_torch_files(use)


def test_what_does_not_fit_is_computed_again(slow: Slow) -> None:
    slow.go.set()

    async def use(torch_files: TorchFiles) -> None:
        for seed in (1, 2, 1, 1):
            await torch_files.get(spec(seed))
        assert slow.seeds == [1, 2, 1]

    with_torch_files(use, 2_000)


def test_a_fault_reaches_all_and_is_not_kept(slow: Slow) -> None:
    slow.fault = TooLargeError("too many passes")

    async def use(torch_files: TorchFiles) -> None:
        waiting = [asyncio.create_task(torch_files.get(spec(1))) for _ in range(3)]
        await begun(slow)
        slow.go.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [TooLargeError] * 3
        slow.fault = None
        assert (await torch_files.get(spec(1))).nbytes == 1000 + TENSOR_OVERHEAD_BYTES

    with_torch_files(use)


def test_closing_gives_up_what_is_under_way(slow: Slow) -> None:
    async def use(torch_files: TorchFiles) -> None:
        task = asyncio.create_task(torch_files.get(spec(1)))
        await begun(slow)
        await asyncio.to_thread(torch_files._pool.close)
        assert slow.cancelled == [1]
        with pytest.raises(ComputationCancelledError):
            await task

    with_torch_files(use)
