"""Single flight: shared computation, a bounded cache, no cached error."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tensorseed.concurrency.cancellation import ComputationCancelledError, cancellable
from tensorseed.concurrency.single_flight import AsyncSingleFlightCache, SingleFlightCache
from tests.waiting import PATIENCE


def nbytes(array: np.ndarray) -> int:
    return array.nbytes


def test_a_result_is_computed_once():
    cache: SingleFlightCache[np.ndarray] = SingleFlightCache(1_000, nbytes)
    first = cache.get("a", lambda: np.zeros(10))
    assert cache.get("a", lambda: np.ones(10)) is first


def test_the_bound_counts_bytes_and_drops_what_was_asked_for_least_lately():
    cache: SingleFlightCache[np.ndarray] = SingleFlightCache(200, nbytes)
    for name in "abac":
        cache.get(name, lambda: np.zeros(10))
    assert cache.get("a", lambda: np.ones(10))[0] == 0
    assert cache.get("b", lambda: np.ones(10))[0] == 1


def test_what_is_too_large_is_not_kept_and_drops_nothing():
    cache: SingleFlightCache[np.ndarray] = SingleFlightCache(200, nbytes)
    cache.get("a", lambda: np.zeros(20))
    assert cache.get("b", lambda: np.zeros(30)).size == 30
    assert cache.get("b", lambda: np.ones(30))[0] == 1
    assert cache.get("a", lambda: np.ones(20))[0] == 0


def test_threads_that_ask_at_once_share_one_computation_and_others_go_on():
    cache: SingleFlightCache[np.ndarray] = SingleFlightCache(1_000, nbytes)
    started, go_on = threading.Event(), threading.Event()
    computed = []

    def compute() -> np.ndarray:
        computed.append(1)
        started.set()
        assert go_on.wait(PATIENCE)
        return np.zeros(10)

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(cache.get, "a", compute)]
        assert started.wait(PATIENCE)
        results += [pool.submit(cache.get, "a", compute) for _ in range(3)]
        assert cache.get("b", lambda: np.ones(3)).size == 3
        go_on.set()
        assert len({id(result.result(PATIENCE)) for result in results}) == 1
    assert computed == [1]


def test_a_failure_reaches_all_who_wait_and_is_forgotten():
    cache: SingleFlightCache[np.ndarray] = SingleFlightCache(1_000, nbytes)
    started, go_on = threading.Event(), threading.Event()

    def fail() -> np.ndarray:
        started.set()
        assert go_on.wait(PATIENCE)
        raise MemoryError

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", fail)
        assert started.wait(PATIENCE)
        second = pool.submit(cache.get, "a", fail)
        go_on.set()
        for result in (first, second):
            with pytest.raises(MemoryError):
                result.result(PATIENCE)
    assert cache.get("a", lambda: np.zeros(2)).size == 2


def test_a_waiter_begins_anew_where_the_first_gives_up():
    cache: SingleFlightCache[Any] = SingleFlightCache(1_000, nbytes)
    begun, left = threading.Event(), threading.Event()

    def given_up() -> Any:
        begun.set()
        left.wait(PATIENCE)
        raise ComputationCancelledError

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "key", given_up)
        assert begun.wait(PATIENCE)
        second = pool.submit(cache.get, "key", lambda: np.zeros(3))
        left.set()
        with pytest.raises(ComputationCancelledError):
            first.result(PATIENCE)
        assert second.result(PATIENCE).tolist() == [0, 0, 0]
    assert "key" in cache


def test_what_is_kept_is_found_without_computing():
    cache: SingleFlightCache[np.ndarray] = SingleFlightCache(200, nbytes)
    assert cache.peek("a") is None
    first = cache.get("a", lambda: np.zeros(10))
    cache.get("b", lambda: np.zeros(10))
    assert cache.peek("a") is first
    cache.get("c", lambda: np.zeros(10))
    assert cache.peek("a") is first
    assert cache.peek("b") is None


def test_tasks_share_one_computation_and_its_result_is_cached():
    async def main() -> None:
        cache: AsyncSingleFlightCache[bytes] = AsyncSingleFlightCache(10, len)
        go_on, computed = asyncio.Event(), []

        async def compute() -> bytes:
            computed.append(1)
            await go_on.wait()
            return b"12345"

        waiting = [asyncio.create_task(cache.get("a", compute)) for _ in range(5)]
        await asyncio.sleep(0)
        assert cache.peek("a") is None
        go_on.set()
        assert await asyncio.gather(*waiting) == [b"12345"] * 5
        assert await cache.get("a", compute) == b"12345" == cache.peek("a")
        assert computed == [1]
        assert len(await cache.get("b", large)) == 11
        assert cache.peek("b") is None
        assert "a" in cache

    async def large() -> bytes:
        return bytes(11)

    asyncio.run(main())


def test_the_last_waiter_cancels_the_computation_and_another_can_begin_anew():
    async def main() -> None:
        cache: AsyncSingleFlightCache[bytes] = AsyncSingleFlightCache(10, len)
        events: list[str] = []

        async def endless() -> bytes:
            events.append("begun")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                events.append("cancelled")
                raise
            raise AssertionError

        async def quick() -> bytes:
            return b"1"

        waiting = [asyncio.create_task(cache.get("a", endless)) for _ in range(2)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()
        await asyncio.sleep(0.01)
        assert events == ["begun"]
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await cache.get("a", quick) == b"1"
        assert events == ["begun", "cancelled"]

    asyncio.run(main())


def test_a_failed_computation_reaches_every_task_and_is_forgotten():
    async def main() -> None:
        cache: AsyncSingleFlightCache[bytes] = AsyncSingleFlightCache(10, len)

        async def fail() -> bytes:
            await asyncio.sleep(0.01)
            raise MemoryError

        async def quick() -> bytes:
            return b"1"

        waiting = [cache.get("a", fail) for _ in range(3)]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [MemoryError] * 3
        assert await cache.get("a", quick) == b"1"

    asyncio.run(main())


def test_a_thread_that_waits_for_another_may_be_cancelled() -> None:
    cache: SingleFlightCache[int] = SingleFlightCache(10, lambda _: 1)
    begun, go = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        assert go.wait(PATIENCE)
        return 5

    owner = threading.Thread(target=cache.get, args=("key", slow))
    owner.start()
    assert begun.wait(PATIENCE)
    with cancellable(lambda: True), pytest.raises(ComputationCancelledError):
        cache.get("key", slow)
    go.set()
    owner.join()
    assert cache.peek("key") == 5
