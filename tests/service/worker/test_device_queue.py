"""A lane begins the next piece of work before it ends the one under way, in the order of submission."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import pytest

from service.worker.device_queue import DEPTH, Lane


class Work:
    """Pieces of work that note when they begin and end. They wait to begin until `free` is set."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.begun = threading.Event()
        self.free = threading.Event()

    def piece(self, number: int) -> Callable[[], Callable[[], int]]:
        def begin() -> Callable[[], int]:
            self.begun.set()
            assert self.free.wait(60)
            self.log.append(f"begin {number}")

            def end() -> int:
                self.log.append(f"end {number}")
                return number

            return end

        return begin


@pytest.fixture
def lane() -> Iterator[Lane[int]]:
    lane: Lane[int] = Lane("lane", lambda error: LookupError(str(error)))
    yield lane
    lane.close()


def test_two_pieces_overlap_and_all_are_in_order(lane: Lane[int]) -> None:
    work = Work()
    futures = [lane.submit(work.piece(i)) for i in range(4)]
    work.free.set()
    assert [future.result(60) for future in futures] == [0, 1, 2, 3]
    assert DEPTH == 2
    assert work.log == ["begin 0", "begin 1", "end 0", "begin 2", "end 1", "begin 3", "end 2", "end 3"]


def test_a_single_piece_does_not_wait_for_a_second(lane: Lane[int]) -> None:
    work = Work()
    work.free.set()
    for i in range(3):
        assert lane.submit(work.piece(i)).result(60) == i


def test_a_fault_reaches_its_own_waiter_explained(lane: Lane[int]) -> None:
    def broken() -> Callable[[], int]:
        raise ValueError("at the beginning")

    def late() -> Callable[[], int]:
        def end() -> int:
            raise ValueError("at the end")

        return end

    work = Work()
    work.free.set()
    futures = [lane.submit(broken), lane.submit(work.piece(1)), lane.submit(late), lane.submit(work.piece(3))]
    assert futures[1].result(60) == 1
    assert futures[3].result(60) == 3
    for future, words in ((futures[0], "at the beginning"), (futures[2], "at the end")):
        with pytest.raises(LookupError, match=words):
            future.result(60)


def test_what_is_cancelled_in_the_queue_is_never_begun(lane: Lane[int]) -> None:
    work = Work()
    first, second, third = (lane.submit(work.piece(i)) for i in range(3))
    assert work.begun.wait(60)
    assert second.cancel()
    work.free.set()
    assert (first.result(60), third.result(60)) == (0, 2)
    assert "begin 1" not in work.log


def test_a_lane_that_closes_ends_what_is_begun_and_drops_the_rest() -> None:
    lane: Lane[int] = Lane("lane", lambda error: error)
    work = Work()
    futures = [lane.submit(work.piece(i)) for i in range(4)]
    assert work.begun.wait(60)
    closing = threading.Thread(target=lane.close)
    closing.start()
    while not lane._closed:
        closing.join(0.001)
    work.free.set()
    closing.join(60)
    assert futures[0].result(60) == 0
    for future in futures[1:]:
        with pytest.raises(CancelledError):
            future.result(60)
    with pytest.raises(RuntimeError, match="closed"):
        lane.submit(work.piece(4))
