"""Device queue: pieces overlap, and finish in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future

import pytest

from service.worker.clients import CLIENT
from service.worker.device_queue import DEPTH, DeviceQueue
from tests.waiting import PATIENCE


class Work:
    """Pieces of work that note when they begin and end. They wait to begin until `free` is set."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.begun = threading.Event()
        self.free = threading.Event()

    def piece(self, number: int) -> Callable[[], Callable[[], int]]:
        def begin() -> Callable[[], int]:
            self.begun.set()
            assert self.free.wait(PATIENCE)
            self.log.append(f"begin {number}")

            def end() -> int:
                self.log.append(f"end {number}")
                return number

            return end

        return begin


@pytest.fixture
def queue() -> Iterator[DeviceQueue[int]]:
    queue: DeviceQueue[int] = DeviceQueue("queue", lambda error: LookupError(str(error)))
    yield queue
    queue.close()


def test_two_pieces_overlap_and_all_are_in_order(queue: DeviceQueue[int]) -> None:
    work = Work()
    futures = [queue.submit(work.piece(i), 1.0) for i in range(4)]
    work.free.set()
    assert [future.result(PATIENCE) for future in futures] == [0, 1, 2, 3]
    assert DEPTH == 2
    assert work.log == ["begin 0", "begin 1", "end 0", "begin 2", "end 1", "begin 3", "end 2", "end 3"]


def test_a_single_piece_does_not_wait_for_a_second(queue: DeviceQueue[int]) -> None:
    work = Work()
    work.free.set()
    for i in range(3):
        assert queue.submit(work.piece(i), 1.0).result(PATIENCE) == i


def test_a_fault_reaches_its_own_waiter_explained(queue: DeviceQueue[int]) -> None:
    def broken() -> Callable[[], int]:
        raise ValueError("at the beginning")

    def late() -> Callable[[], int]:
        def end() -> int:
            raise ValueError("at the end")

        return end

    work = Work()
    work.free.set()
    futures = [
        queue.submit(broken, 1.0),
        queue.submit(work.piece(1), 1.0),
        queue.submit(late, 1.0),
        queue.submit(work.piece(3), 1.0),
    ]
    assert futures[1].result(PATIENCE) == 1
    assert futures[3].result(PATIENCE) == 3
    for future, words in ((futures[0], "at the beginning"), (futures[2], "at the end")):
        with pytest.raises(LookupError, match=words):
            future.result(PATIENCE)


def test_what_is_cancelled_in_the_queue_is_never_begun(queue: DeviceQueue[int]) -> None:
    work = Work()
    first, second, third = (queue.submit(work.piece(i), 1.0) for i in range(3))
    assert work.begun.wait(PATIENCE)
    assert second.cancel()
    work.free.set()
    assert (first.result(PATIENCE), third.result(PATIENCE)) == (0, 2)
    assert "begin 1" not in work.log


def test_a_queue_that_closes_ends_what_is_begun_and_drops_the_rest() -> None:
    queue: DeviceQueue[int] = DeviceQueue("queue", lambda error: error)
    work = Work()
    futures = [queue.submit(work.piece(i), 1.0) for i in range(4)]
    assert work.begun.wait(PATIENCE)
    closing = threading.Thread(target=queue.close)
    closing.start()
    while not queue._closed:
        closing.join(0.001)
    work.free.set()
    closing.join(PATIENCE)
    assert futures[0].result(PATIENCE) == 0
    for future in futures[1:]:
        with pytest.raises(CancelledError):
            future.result(PATIENCE)
    with pytest.raises(RuntimeError, match="closed"):
        queue.submit(work.piece(4), 1.0)


def test_the_pieces_of_several_clients_take_turns(queue: DeviceQueue[int]) -> None:
    work = Work()
    first = queue.submit(work.piece(0), 1.0)
    assert work.begun.wait(PATIENCE)
    futures: list[Future[int]] = []
    for client in "ab":
        CLIENT.set(client)
        futures += [queue.submit(work.piece(len(futures) + 1), 1.0) for _ in range(4)]
    CLIENT.set(None)
    work.free.set()
    for future in (first, *futures):
        future.result(PATIENCE)
    begun = [int(line.split()[1]) for line in work.log if line.startswith("begin") and line != "begin 0"]
    for count in range(2, 9, 2):
        assert sum(number <= 4 for number in begun[:count]) == count // 2
