"""Coroutines for blocking callers: results, interruptions, ends."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections.abc import Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tensorseed.concurrency.loop_thread import ClosedError, LoopThread, NestedError
from tests.tensorseed.forks import exit_code_of_fork, needs_fork
from tests.waiting import PATIENCE


class Ending:
    """Counts how often a loop ended."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def ending() -> Ending:
    return Ending()


@pytest.fixture
def loop(ending: Ending) -> Iterator[LoopThread]:
    found = LoopThread("test", ending)
    yield found
    found.close()


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "test"]


def wait_for_no_thread() -> None:
    for thread in threads():
        thread.join(PATIENCE)
    assert not threads()


def test_results_and_errors_come_back(loop: LoopThread) -> None:
    assert not threads()

    async def fail() -> None:
        raise ValueError("no")

    assert loop.run(lambda: double(3)) == 6
    with pytest.raises(ValueError, match="no"):
        loop.run(fail)
    assert len(threads()) == 1


def test_work_may_raise_before_it_is_awaited(loop: LoopThread) -> None:
    """As where an argument has the wrong type."""

    def refuse() -> Awaitable[None]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        loop.run(refuse)
    assert loop.run(lambda: double(3)) == 6


def test_threads_share_the_loop(loop: LoopThread) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: loop.run(lambda: double(number)), range(200)))
    assert found == [2 * number for number in range(200)]
    assert len(threads()) == 1


def test_a_running_loop_can_wait_for_it(loop: LoopThread) -> None:
    async def main() -> int:
        return loop.run(lambda: double(4))

    assert asyncio.run(main()) == 8


def test_its_own_thread_would_wait_for_itself(loop: LoopThread) -> None:
    async def nested() -> int:
        return loop.run(lambda: double(4))

    with pytest.raises(NestedError):
        loop.run(nested)


def test_an_interruption_cancels_the_work_once_and_waits_for_it(loop: LoopThread) -> None:
    seen: list[str] = []
    main = threading.main_thread().ident

    async def work() -> None:
        try:
            threading.Timer(0.05, signal.pthread_kill, [main, signal.SIGINT]).start()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)  # level cancellation would end this at once
            seen.append("cleaned")
            raise

    with pytest.raises(KeyboardInterrupt):
        loop.run(work)
    assert seen == ["cleaned"]
    assert loop.run(lambda: double(1)) == 2


def test_closing_ends_what_runs(loop: LoopThread, ending: Ending) -> None:
    begun = threading.Event()

    async def work() -> None:
        begun.set()
        await asyncio.sleep(60)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(loop.run, work)
        assert begun.wait(PATIENCE)
        loop.close()
        with pytest.raises(ClosedError):
            waiting.result(PATIENCE)
    loop.close()
    assert ending.times == 1
    assert not threads()
    with pytest.raises(ClosedError):
        loop.run(lambda: double(1))


def test_a_loop_that_nobody_holds_ends(ending: Ending) -> None:
    loop = LoopThread("test", ending)
    loop.run(lambda: double(1))
    del loop
    gc.collect()
    wait_for_no_thread()
    assert ending.times == 1


def test_a_loop_may_be_given_up_in_its_own_thread(ending: Ending) -> None:
    held = [LoopThread("test", ending)]

    async def give_up() -> None:
        held.clear()
        gc.collect()

    held[0].run(give_up)
    gc.collect()
    wait_for_no_thread()
    assert ending.times == 1


@needs_fork
def test_a_forked_process_has_a_loop_of_its_own(loop: LoopThread) -> None:
    loop.run(lambda: double(1))
    assert exit_code_of_fork(lambda: loop.run(lambda: double(21))) == 42
    assert loop.run(lambda: double(2)) == 4
