"""A child process answers, is killed, and is started again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tensorseed.concurrency.child_process import Answer, ChildProcess
from tests.waiting import PATIENCE, wait_until

HERE = "tests.tensorseed.concurrency.test_child_process"


def echo() -> Answer:
    """The message and the id of the process."""
    return lambda message: message + b" " + str(os.getpid()).encode()


def sleeper() -> Answer:
    """No answer for ten minutes."""

    def answer(message: bytes) -> bytes:
        time.sleep(600)
        return message

    return answer


def dying() -> Answer:
    """The end of the process at the first message."""
    return lambda _: os._exit(3)


def child(function: str) -> ChildProcess:
    return ChildProcess(f"{HERE}:{function}")


@pytest.fixture
def echoing() -> Iterator[ChildProcess]:
    """A child that answers at once."""
    made = child("echo")
    yield made
    made.kill()


def test_one_process_answers_several_requests(echoing: ChildProcess) -> None:
    assert echoing.pid is None
    assert echoing.request(b"a", 60) == f"a {echoing.pid}".encode()
    first = echoing.pid
    large = b"b" * (1 << 20)
    assert echoing.request(large, 60) == large + f" {first}".encode()


def test_a_killed_process_is_replaced(echoing: ChildProcess) -> None:
    echoing.request(b"a", 60)
    first = echoing.pid
    echoing.kill()
    assert echoing.pid is None
    assert echoing.request(b"a", 60) == f"a {echoing.pid}".encode()
    assert echoing.pid != first
    assert first is not None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_an_answer_that_takes_too_long_kills_the_process() -> None:
    made = child("sleeper")
    with pytest.raises(TimeoutError):
        made.request(b"a", 0.05)
    assert made.pid is None


def test_a_process_that_dies_is_an_end_of_file() -> None:
    made = child("dying")
    for _ in range(2):
        with pytest.raises(EOFError):
            made.request(b"a", 60)
    assert made.pid is None


def test_a_target_that_does_not_exist_is_an_end_of_file() -> None:
    with pytest.raises(EOFError):
        child("missing").request(b"a", 60)


def test_kill_ends_a_request_of_another_thread() -> None:
    made, raised = child("sleeper"), []

    def ask() -> None:
        try:
            made.request(b"a", 600)
        except EOFError as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: made.pid is not None)
    made.kill()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert len(raised) == 1


def test_the_child_ends_with_its_parent() -> None:
    code = (
        f"from {HERE} import child; import os, threading, time; made = child('sleeper');"
        "threading.Thread(target=made.request, args=(b'a', 600), daemon=True).start();\n"
        "while made.pid is None or made._turn.acquire(False): time.sleep(0.01)\n"
        "time.sleep(0.5); print(made.pid, flush=True); os._exit(0)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid = int(found.stdout)

    def has_ended() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    try:
        wait_until(has_ended)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, 9)
