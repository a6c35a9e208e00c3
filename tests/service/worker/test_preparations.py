"""Preparations: shared, cancelled with the last waiter, bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from service.worker.clients import CLIENT
from service.worker.pools import Pools
from service.worker.preparations import MAX_PREPARING, Preparations, PreparationsBusyError
from tensorseed.concurrency.cancellation import ComputationCancelledError, check_cancelled
from tests.waiting import PATIENCE


class Slow:
    """A preparation that waits until it may go on or is cancelled."""

    is_done = False

    def __init__(self, seconds: float = 60.0) -> None:
        self.seconds = seconds
        self.runs = 0
        self.begun, self.go, self.cancelled = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        self.runs += 1
        self.begun.set()
        while not self.go.wait(0.002):
            try:
                check_cancelled()
            except ComputationCancelledError:
                self.cancelled.set()
                raise


def with_preparations(use: Callable[[Preparations], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        pools = Pools.create(1)
        try:
            await asyncio.wait_for(use(Preparations(pools)), PATIENCE)
        finally:
            await pools.close()

    asyncio.run(main())


def test_all_who_wait_for_one_share_it() -> None:
    async def use(preparations: Preparations) -> None:
        slow = Slow()
        waiting = [asyncio.ensure_future(preparations.run([slow], begins=True)) for _ in range(9)]
        assert await asyncio.to_thread(slow.begun.wait, PATIENCE)
        slow.go.set()
        await asyncio.gather(*waiting)
        assert slow.runs == 1

    with_preparations(use)


def test_it_ends_when_the_last_one_leaves() -> None:
    async def use(preparations: Preparations) -> None:
        slow = Slow()
        waiting = [asyncio.ensure_future(preparations.run([slow], begins=True)) for _ in range(2)]
        assert await asyncio.to_thread(slow.begun.wait, PATIENCE)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        assert not slow.cancelled.wait(0.05)
        waiting[1].cancel()
        assert await asyncio.to_thread(slow.cancelled.wait, PATIENCE)

    with_preparations(use)


def test_so_many_wait_and_no_more() -> None:
    async def use(preparations: Preparations) -> None:
        waiting = []
        for client in range(MAX_PREPARING):
            CLIENT.set(client)
            waiting.append(asyncio.ensure_future(preparations.run([Slow()], begins=True)))
        await asyncio.sleep(0)
        CLIENT.set("one more")
        with pytest.raises(PreparationsBusyError):
            await preparations.run([Slow()], begins=True)
        short, later = Slow(0.02), Slow()
        for one in (short, later):
            one.go.set()
        await preparations.run([short], begins=True)  # which no long one delays
        for task in waiting:
            task.cancel()
        await preparations.run([later], begins=False)  # of a stream that has begun
        await asyncio.gather(*waiting, return_exceptions=True)
        await preparations.run([later], begins=True)

    with_preparations(use)
