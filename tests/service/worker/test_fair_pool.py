"""Threads shared between clients: turns, cancellation, closing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from service.worker.clients import CLIENT
from service.worker.fair_pool import SLICE_SECONDS, FairPool
from tensorseed.concurrency.cancellation import ComputationCancelledError, check_cancelled
from tests.waiting import PATIENCE

Cancelled = Callable[[], bool]


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def with_pool(
    use: Callable[[FairPool, Clock], Coroutine[Any, Any, None]], threads: int, at_once: int | None = None
) -> None:
    async def main() -> None:
        clock = Clock()
        pool = FairPool("test", threads, at_once, clock=clock)
        try:
            await asyncio.wait_for(use(pool, clock), PATIENCE)
        finally:
            await asyncio.to_thread(pool.close)

    asyncio.run(main())


def start(pool: FairPool, client: str, job: Callable[[Cancelled], Any], cost: float = 1.0) -> Any:
    CLIENT.set(client)
    return pool.start(job, cost)


async def idle(pool: FairPool) -> None:
    """Wait until a pool has forgotten all pieces: a result is there a little before."""
    while (
        pool._counts or pool._begun or pool._held or pool._running or len(pool._waiting) or len(pool._ready)
    ):
        await asyncio.sleep(0.001)


class Steps:
    """A job of some time slices. It notes its name at each."""

    def __init__(self, clock: Clock, log: list[str], name: str, steps: int) -> None:
        self.clock, self.log, self.name, self.steps = clock, log, name, steps

    def __call__(self, cancelled: Cancelled) -> str:
        for _ in range(self.steps):
            self.log.append(self.name)
            self.clock.now += SLICE_SECONDS
            check_cancelled()
        return self.name


def blocked(pool: FairPool) -> tuple[threading.Event, Any]:
    """A job that holds the only turn until it is let go."""
    free, begun = threading.Event(), threading.Event()

    def hold(_: Cancelled) -> None:
        begun.set()
        assert free.wait(PATIENCE)

    future = start(pool, "holder", hold, 0.0)
    assert begun.wait(PATIENCE)
    return free, future


def test_a_job_has_its_result_or_its_error() -> None:
    def broken(_: Cancelled) -> None:
        raise LookupError("broken")

    async def use(pool: FairPool, _: Clock) -> None:
        assert await pool.run(lambda cancelled: (5, cancelled()), 1.0) == (5, False)
        with pytest.raises(LookupError, match="broken"):
            await pool.run(broken, 1.0)

    with_pool(use, 2)


def test_jobs_run_in_the_context_of_their_submitter() -> None:
    async def use(pool: FairPool, _: Clock) -> None:
        futures = [start(pool, name, lambda _: CLIENT.get()) for name in "abc"]
        assert await asyncio.gather(*futures) == ["a", "b", "c"]

    with_pool(use, 1)


def test_long_jobs_of_two_clients_take_turns() -> None:
    log: list[str] = []

    async def use(pool: FairPool, clock: Clock) -> None:
        free, holder = blocked(pool)
        futures = [start(pool, name, Steps(clock, log, name, 6)) for name in "ab"]
        free.set()
        await asyncio.gather(holder, *futures)
        for length in range(2, 11):
            assert abs(log[:length].count("a") - log[:length].count("b")) <= 2

    with_pool(use, 3, 1)


def test_a_short_job_does_not_wait_for_a_long_one_of_another_client() -> None:
    log: list[str] = []

    async def use(pool: FairPool, clock: Clock) -> None:
        free, holder = blocked(pool)
        futures = [start(pool, "a", Steps(clock, log, "a", 50)), start(pool, "b", Steps(clock, log, "b", 1))]
        free.set()
        await asyncio.gather(holder, *futures)
        assert log.index("b") <= 3

    with_pool(use, 3, 1)


def test_a_client_has_no_more_begun_than_run_at_once() -> None:
    log: list[str] = []

    async def use(pool: FairPool, clock: Clock) -> None:
        free, holder = blocked(pool)
        greedy = [start(pool, "a", Steps(clock, log, f"a{i}", 3)) for i in range(8)]
        modest = start(pool, "b", Steps(clock, log, "b", 3))
        free.set()
        await asyncio.gather(holder, modest, *greedy)
        assert log.index("b") <= 4
        assert [name for name in dict.fromkeys(log) if name != "b"] == [f"a{i}" for i in range(8)]

    with_pool(use, 2, 1)


def test_no_more_jobs_run_than_may() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def job(_: Cancelled) -> None:
        nonlocal running, most
        for _step in range(20):
            with lock:
                running += 1
                most = max(most, running)
            with lock:
                running -= 1
            check_cancelled()

    async def use(pool: FairPool, clock: Clock) -> None:
        def ticking(cancelled: Cancelled) -> None:
            clock.now += SLICE_SECONDS
            job(cancelled)

        await asyncio.gather(*(start(pool, str(i % 7), ticking) for i in range(50)))
        assert most <= 2
        await idle(pool)

    with_pool(use, 6, 2)


def test_a_waiting_job_that_nobody_awaits_never_begins() -> None:
    begun: list[str] = []

    def begin(name: str, _: Any) -> None:
        begun.append(name)

    async def use(pool: FairPool, _: Clock) -> None:
        free, holder = blocked(pool)
        jobs = [start(pool, name, partial(begin, name)) for name in ("a", "a", "b", "c")]
        for future in jobs[:3]:
            future.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        free.set()
        await asyncio.gather(holder, *jobs, return_exceptions=True)
        assert begun == ["c"]
        await idle(pool)

    with_pool(use, 2, 1)


def test_a_job_between_two_slices_ends_without_a_turn_when_nobody_awaits_it() -> None:
    begun, free, ended = threading.Event(), threading.Event(), threading.Event()

    async def use(pool: FairPool, clock: Clock) -> None:
        waiting_again = threading.Event()

        def first(_: Cancelled) -> None:
            begun.set()
            assert waiting_again.wait(PATIENCE)
            clock.now += SLICE_SECONDS
            try:
                check_cancelled()
            except ComputationCancelledError:
                ended.set()
                raise

        waiting = start(pool, "a", first)
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        other = start(pool, "b", lambda _: free.wait(PATIENCE))
        waiting_again.set()
        while not any(piece.entry for piece in list(pool._begun)):  # until it has stepped aside for the other
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await asyncio.to_thread(ended.wait, PATIENCE)
        free.set()
        assert await other

    with_pool(use, 2, 1)


def test_a_pool_that_closes_ends_all() -> None:
    async def main() -> None:
        pool = FairPool("test", 2, 1)
        begun = threading.Event()

        def endless(cancelled: Cancelled) -> None:
            begun.set()
            while not cancelled():
                begun.wait(0.001)
            raise ComputationCancelledError

        futures = [start(pool, name, endless) for name in "aabbc"]
        assert begun.wait(PATIENCE)
        await asyncio.to_thread(pool.close)
        answers = await asyncio.gather(*futures, return_exceptions=True)
        assert {type(answer) for answer in answers} <= {ComputationCancelledError, asyncio.CancelledError}
        with pytest.raises(RuntimeError, match="closed"):
            pool.start(lambda _: None, 1.0)

    asyncio.run(main())


def test_a_cheap_pool_never_pauses() -> None:
    log: list[str] = []

    async def use(pool: FairPool, clock: Clock) -> None:
        await asyncio.gather(*(start(pool, name, Steps(clock, log, name, 4)) for name in "ab"))
        assert log == ["a"] * 4 + ["b"] * 4

    with_pool(use, 1)


def test_a_piece_waits_for_a_free_thread_where_the_system_has_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def use(pool: FairPool, _: Clock) -> None:
        begun, go = threading.Event(), threading.Event()
        first = start(pool, "a", lambda _: begun.set() or go.wait(PATIENCE))
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", none_left)
            second = start(pool, "b", lambda _: 5)
        assert not second.done()
        go.set()
        assert await second == 5
        assert await first
        await idle(pool)

    with_pool(use, 2)
