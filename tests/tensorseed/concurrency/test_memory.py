"""Reservations of memory: by thread, nested, and without a budget."""

from __future__ import annotations

import threading

from tensorseed.concurrency.memory import reserve, reserving


def test_a_reservation_goes_to_the_innermost_budget_of_the_thread() -> None:
    outer: list[int] = []
    inner: list[int] = []
    with reserving(outer.append):
        reserve(1)
        with reserving(inner.append):
            reserve(2)
        reserve(3)
    reserve(4)
    assert (outer, inner) == ([1, 3], [2])


def test_another_thread_has_no_budget() -> None:
    taken: list[int] = []
    with reserving(taken.append):
        thread = threading.Thread(target=reserve, args=(1,))
        thread.start()
        thread.join()
    assert taken == []
