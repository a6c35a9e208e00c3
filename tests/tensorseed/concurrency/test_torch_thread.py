"""Threads of torch: one thread each, and default modes."""

from __future__ import annotations

import os
import platform
import struct
import sys
import threading
from collections.abc import Iterator

import pytest
import torch

from tensorseed.concurrency import torch_thread
from tensorseed.concurrency.cancellation import (
    ComputationCancelledError,
    cancellable,
    check_cancelled,
)
from tensorseed.concurrency.cpu import lower_priority
from tensorseed.concurrency.torch_thread import run_in_torch_thread
from tests.tensorseed.forks import exit_code_of_fork, needs_fork
from tests.waiting import PATIENCE


@pytest.fixture
def three_threads() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(usual)


@pytest.mark.usefixtures("three_threads")
def test_torch_has_one_thread_there_and_its_usual_number_elsewhere() -> None:
    seen: list[int] = []
    assert run_in_torch_thread(torch.get_num_threads) == 1
    assert torch.get_num_threads() == 3
    other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert seen == [3]


@pytest.mark.usefixtures("three_threads")
def test_threads_that_begin_meanwhile_have_the_usual_number() -> None:
    inside, leave, seen = threading.Event(), threading.Event(), []

    def wait() -> int:
        inside.set()
        assert leave.wait(PATIENCE)
        return torch.get_num_threads()

    first = threading.Thread(target=lambda: seen.append(run_in_torch_thread(wait)))
    first.start()
    assert inside.wait(PATIENCE)
    other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    other.start()
    other.join()
    leave.set()
    first.join()
    assert seen == [3, 1]


@pytest.mark.usefixtures("three_threads")
def test_without_functions_for_one_thread_the_usual_number_is_restored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch_thread, "_set_own_number", lambda: False)
    monkeypatch.setattr(torch_thread, "_threads", torch_thread.TorchThreads())
    test_torch_has_one_thread_there_and_its_usual_number_elsewhere()


@pytest.mark.skipif(sys.platform != "linux", reason="torch's library has another name here")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="torch may use other libraries here")
@pytest.mark.usefixtures("three_threads")
def test_a_thread_takes_no_other_thread_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_thread, "_threads", torch_thread.TorchThreads())
    monkeypatch.setattr(torch, "set_num_threads", None)
    assert run_in_torch_thread(torch.get_num_threads) == 1


@pytest.mark.usefixtures("three_threads")
def test_calls_in_turn_share_a_thread() -> None:
    """Each thread that is made takes those with it that begin to compute meanwhile."""
    run_in_torch_thread(int)
    assert len({run_in_torch_thread(threading.get_ident) for _ in range(50)}) == 1


def test_calls_at_a_time_have_a_thread_each() -> None:
    both = threading.Barrier(2)
    seen: list[int] = []

    def meet() -> int:
        both.wait(PATIENCE)
        return threading.get_ident()

    callers = [threading.Thread(target=lambda: seen.append(run_in_torch_thread(meet))) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(set(seen)) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority here")
def test_a_thread_has_the_priority_of_its_callers() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def lowered() -> None:
        lower_priority()
        seen.append((niceness(), run_in_torch_thread(niceness)))

    seen = [(niceness(), run_in_torch_thread(niceness))]
    caller = threading.Thread(target=lowered)
    caller.start()
    caller.join()
    seen.append((niceness(), run_in_torch_thread(niceness)))
    assert [own for own, _ in seen] == [given for _, given in seen]
    assert seen[1] != seen[0] == seen[2]


@needs_fork
def test_a_forked_process_makes_its_own() -> None:
    run_in_torch_thread(int)
    assert exit_code_of_fork(lambda: run_in_torch_thread(lambda: 7)) == 7


def subnormal() -> bytes:
    """The bits of a product, which a thread that flushes subnormal numbers loses."""
    return struct.pack("d", (torch.tensor([1e-310], dtype=torch.float64) * 1).item())


def test_subnormal_numbers_are_kept() -> None:
    expected = subnormal()
    assert torch.set_flush_denormal(True)
    try:
        found, own = run_in_torch_thread(subnormal), subnormal()
    finally:
        torch.set_flush_denormal(False)
    assert found == expected != own


def test_a_mode_of_the_calling_thread_does_not_apply() -> None:
    with torch.device("meta"):
        assert run_in_torch_thread(lambda: torch.empty(1).device.type) == "cpu"


def test_an_error_is_the_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        run_in_torch_thread(lambda: 1 // 0)


def test_it_is_cancelled_with_the_caller() -> None:
    with cancellable(lambda: True), pytest.raises(ComputationCancelledError):
        run_in_torch_thread(check_cancelled)
    run_in_torch_thread(check_cancelled)
