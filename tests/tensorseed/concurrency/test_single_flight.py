"""Results that are kept: computed once for all who ask, within their bound, and no failure stays."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tensorseed.concurrency.cancellation import ComputationCancelledError
from tensorseed.concurrency.single_flight import Kept


def test_a_result_is_computed_once():
    kept: Kept[np.ndarray] = Kept(1_000)
    first = kept.get("a", lambda: np.zeros(10))
    assert kept.get("a", lambda: np.ones(10)) is first


def test_the_bound_counts_bytes_and_drops_what_was_asked_for_least_lately():
    kept: Kept[np.ndarray] = Kept(200)
    for name in "abac":
        kept.get(name, lambda: np.zeros(10))
    assert kept.get("a", lambda: np.ones(10))[0] == 0
    assert kept.get("b", lambda: np.ones(10))[0] == 1


def test_what_is_too_large_is_not_kept_and_drops_nothing():
    kept: Kept[np.ndarray] = Kept(200)
    kept.get("a", lambda: np.zeros(20))
    assert kept.get("b", lambda: np.zeros(30)).size == 30
    assert kept.get("b", lambda: np.ones(30))[0] == 1
    assert kept.get("a", lambda: np.ones(20))[0] == 0


def test_threads_that_ask_at_once_share_one_computation_and_others_go_on():
    kept: Kept[np.ndarray] = Kept(1_000)
    started, go_on = threading.Event(), threading.Event()
    computed = []

    def compute() -> np.ndarray:
        computed.append(1)
        started.set()
        assert go_on.wait(30)
        return np.zeros(10)

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(kept.get, "a", compute)]
        assert started.wait(30)
        results += [pool.submit(kept.get, "a", compute) for _ in range(3)]
        assert kept.get("b", lambda: np.ones(3)).size == 3
        go_on.set()
        assert len({id(result.result(30)) for result in results}) == 1
    assert computed == [1]


def test_a_failure_reaches_all_who_wait_and_is_forgotten():
    kept: Kept[np.ndarray] = Kept(1_000)
    started, go_on = threading.Event(), threading.Event()

    def fail() -> np.ndarray:
        started.set()
        assert go_on.wait(30)
        raise MemoryError

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.get, "a", fail)
        assert started.wait(30)
        second = pool.submit(kept.get, "a", fail)
        go_on.set()
        for result in (first, second):
            with pytest.raises(MemoryError):
                result.result(30)
    assert kept.get("a", lambda: np.zeros(2)).size == 2


def test_a_waiter_begins_anew_where_the_first_gives_up():
    kept: Kept[Any] = Kept(1_000)
    begun, left = threading.Event(), threading.Event()

    def given_up() -> Any:
        begun.set()
        left.wait(60)
        raise ComputationCancelledError

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.get, "key", given_up)
        assert begun.wait(60)
        second = pool.submit(kept.get, "key", lambda: np.zeros(3))
        left.set()
        with pytest.raises(ComputationCancelledError):
            first.result(60)
        assert second.result(60).tolist() == [0, 0, 0]
    assert "key" in kept


def test_what_is_kept_is_found_without_computing():
    kept: Kept[np.ndarray] = Kept(200)
    assert kept.find("a") is None
    first = kept.get("a", lambda: np.zeros(10))
    kept.get("b", lambda: np.zeros(10))
    assert kept.find("a") is first
    kept.get("c", lambda: np.zeros(10))
    assert kept.find("a") is first
    assert kept.find("b") is None
