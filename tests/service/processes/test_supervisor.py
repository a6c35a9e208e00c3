"""Supervisor: deaths in any order, hangs, backoff and stops."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.processes.supervisor import MAX_BACKOFF_SECONDS, backoff
from tensorseed.concurrency.cpu import cores
from tests.serving import ROOT
from tests.waiting import PATIENCE, wait_until

HANG_SECONDS = 5.0  # more than a start takes on a busy machine until its first sign of life
CHILDREN = "/proc/{0}/task/{0}/children"


class Program:
    """The supervisor in a process of its own, and what has happened there."""

    def __init__(self, count: int, hang_seconds: float = 600.0, behaviour: str = "serves") -> None:
        command = [sys.executable, "-m", "tests.service.processes.program", str(count), str(hang_seconds)]
        self.process = subprocess.Popen(
            [*command, behaviour],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.ready: list[int] = []
        self.starting: list[int] = []
        self.causes: dict[int, str] = {}
        self.stops: dict[int, str] = {}
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.port = int(self._lines.get(timeout=PATIENCE).split()[1])

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def look(self, seconds: float = 0.0) -> None:
        """Take the events that have come, and wait for one so long."""
        with contextlib.suppress(queue.Empty):
            while True:
                event, pid, *more = self._lines.get(timeout=seconds).split()
                seconds = 0.0
                if event == "born":
                    self.starting.append(int(pid))
                elif event == "ready":
                    self.starting.remove(int(pid))
                    self.ready.append(int(pid))
                elif event == "stopped":
                    self.stops[int(pid)] = " ".join(more)
                elif event == "ended":
                    self.causes[int(pid)] = more[0]
                    for pids in (self.starting, self.ready):
                        with contextlib.suppress(ValueError):
                            pids.remove(int(pid))

    def until(self, condition: object) -> None:
        """Wait until a condition holds."""
        assert callable(condition)
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, self.causes
            self.look(0.1)

    def kill(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Send a worker a signal, and wait for the end of one that is killed: until then it may accept."""
        with contextlib.suppress(OSError):
            os.kill(pid, number)
            stat = Path(f"/proc/{pid}/stat")
            wait_until(lambda: number != signal.SIGKILL or stat.read_text().rpartition(")")[2][1] == "Z")

    def answers(self, seconds: float) -> bool:
        """Whether any worker answers within so many seconds."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as client:
            client.settimeout(seconds)
            return bool(client.recv(100))
        return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop the supervisor; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def log(self) -> str:
        """What it has written to standard error. Only once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextlib.contextmanager
def supervised(count: int, hang_seconds: float = 600.0, behaviour: str = "serves") -> Iterator[Program]:
    program = Program(count, hang_seconds, behaviour)
    try:
        yield program
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.process.pid, signal.SIGKILL)
        with program.process:
            pass


def test_a_start_that_is_killed_delays_no_other() -> None:
    """One is killed, its replacement while it starts, then the other: uvicorn would wait for a minute."""
    with supervised(2) as program:
        program.until(lambda: len(program.ready) == 2)
        first, other = program.ready
        program.kill(first)
        program.until(lambda: program.starting or (len(program.ready) == 2 and first not in program.ready))
        for pid in program.starting:
            program.kill(pid)
        program.kill(other)
        assert program.answers(PATIENCE)
        program.until(lambda: {first, other} <= program.causes.keys() and len(program.ready) == 2)
        assert {program.causes[first], program.causes[other]} == {"SIGKILL"}
        assert program.stop() == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_any_order_of_kills_leaves_something_that_answers(seed: int) -> None:
    draw = random.Random(seed)
    with supervised(3) as program:
        program.until(lambda: len(program.ready) == 3)
        kills = 0
        while kills < 12:
            program.look()
            alive = [*program.ready, *program.starting]
            for pid in draw.sample(alive, min(len(alive), draw.randrange(3))):
                program.kill(pid)
                kills += 1
            time.sleep(draw.uniform(0, 0.5))
            assert program.answers(PATIENCE), program.causes
        program.until(lambda: len(program.ready) == 3)
        assert program.stop() == 0


def test_workers_that_hang_are_replaced_while_others_serve() -> None:
    with supervised(2, hang_seconds=HANG_SECONDS) as program:
        program.until(lambda: len(program.ready) == 2)
        hung, other = program.ready
        program.kill(hung, signal.SIGSTOP)
        assert program.answers(PATIENCE)
        program.until(lambda: program.causes.get(hung) == "hang")
        program.until(lambda: len(program.ready) == 2)
        assert other in program.ready
        assert program.stop() == 0


def test_a_start_that_hangs_is_replaced_while_others_are_watched() -> None:
    with supervised(2, hang_seconds=HANG_SECONDS) as program:
        program.until(lambda: len(program.ready) == 2)
        first, other = program.ready
        program.kill(first)
        program.until(lambda: program.starting or first not in program.ready)
        hung = program.starting[:1]
        for pid in hung:
            program.kill(pid, signal.SIGSTOP)
        program.kill(other)
        assert program.answers(PATIENCE)
        for pid in hung:
            program.until(lambda pid=pid: pid in program.causes)
        assert program.stop() == 0


def test_a_pause_of_the_supervisor_kills_nobody() -> None:
    with supervised(2, hang_seconds=HANG_SECONDS) as program:
        program.until(lambda: len(program.ready) == 2)
        os.killpg(program.process.pid, signal.SIGSTOP)
        time.sleep(HANG_SECONDS + 1)
        os.killpg(program.process.pid, signal.SIGCONT)
        assert program.answers(PATIENCE)
        program.look(1.5)
        assert program.causes == {}


@pytest.mark.parametrize(("behaviour", "cause"), [("fails", "error"), ("aborts", "SIGABRT")])
def test_starts_that_fail_back_off_and_end(behaviour: str, cause: str) -> None:
    with supervised(2, behaviour=behaviour) as program:
        assert program.process.wait(PATIENCE) == 1
        program.look()
        assert set(program.causes.values()) == {cause}
        assert 5 <= len(program.causes) <= 6
        log = program.log()
    assert "failure 3 in a row: the next one starts in 1 s" in log
    assert "5 workers could not start: the log says why" in log
    assert "Traceback" not in log


def test_starts_that_are_killed_go_on() -> None:
    """The host may have memory again later."""
    with supervised(1, behaviour="starts for ever") as program:
        for _ in range(4):
            program.until(lambda: program.starting)
            (pid,) = program.starting
            program.kill(pid)
            program.until(lambda pid=pid: pid in program.causes)
        assert program.process.poll() is None
        assert program.stop() == 0


def test_as_many_start_at_a_time_as_there_are_cores() -> None:
    """The first is ready sooner than if all of them shared the cores. One that is silent counts for none."""
    with supervised(cores() + 2, behaviour="starts for ever") as program:
        program.until(lambda: len(program.starting) == cores())
        program.look(1.0)
        assert len(program.starting) == cores()
        program.kill(program.starting[0], signal.SIGSTOP)
        program.until(lambda: len(program.starting) == cores() + 1)


def test_the_backoff_doubles_up_to_its_maximum() -> None:
    assert [backoff(failures) for failures in range(8)] == [0, 0, 0.5, 1, 2, 4, 8, 8]
    assert backoff(1 << 40) == MAX_BACKOFF_SECONDS


def test_a_worker_that_is_told_to_stop_is_replaced_and_no_death() -> None:
    with supervised(2) as program:
        program.until(lambda: len(program.ready) == 2)
        told = program.ready[0]
        program.kill(told, signal.SIGTERM)
        program.until(lambda: told in program.causes)
        assert program.causes[told] == "None"
        assert program.stops == {told: "alone"}
        program.until(lambda: len(program.ready) == 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_know_that_the_whole_service_stops(number: signal.Signals) -> None:
    with supervised(2) as program:
        program.until(lambda: len(program.ready) == 2)
        pids = set(program.ready)
        program.stop(number)
        for pid in pids:
            program.kill(pid, signal.SIGTERM)  # in place of the thread that watches the supervisor
        program.until(lambda: set(program.stops) == pids)
        assert set(program.stops.values()) == {"with the service"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_stop_signal_ends_all_workers_in_order(number: signal.Signals) -> None:
    """Also one that a terminal sends to every process of the group."""
    with supervised(2) as program:
        program.until(lambda: len(program.ready) == 2)
        pids = program.ready
        os.killpg(program.process.pid, number)
        assert program.process.wait(PATIENCE) == 0
        assert program.log() == ""
        assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


@pytest.mark.skipif(not os.path.exists(CHILDREN.format(os.getpid())), reason="needs /proc")
@pytest.mark.parametrize("tenths", range(0, 10, 3))
def test_an_interrupt_while_workers_start_shows_no_traceback(tenths: int) -> None:
    """A terminal sends it to every process of the group, also to those that import."""
    with supervised(2) as program:
        children = Path(CHILDREN.format(program.process.pid))
        program.until(lambda: children.read_text())
        time.sleep(tenths / 10)
        os.killpg(program.process.pid, signal.SIGINT)
        assert program.process.wait(PATIENCE) == 0
        assert program.log() == ""


def test_workers_that_start_end_with_the_supervisor() -> None:
    with supervised(2, behaviour="starts for ever") as program:
        program.until(lambda: len(program.starting) == 2)
        assert program.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("again", [True, False])
def test_workers_that_do_not_stop_are_killed(again: bool) -> None:
    """After their time, or at the second interrupt."""
    with supervised(2, behaviour="stops never") as program:
        program.until(lambda: len(program.ready) == 2)
        if again:
            program.process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        assert program.stop(signal.SIGINT) == 0
        assert again or "2 workers did not end in 1 s: they are killed" in program.log()


def test_a_signal_that_was_ignored_stays_so() -> None:
    """As with nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with supervised(1) as program:
            program.until(lambda: program.ready)
            program.process.send_signal(signal.SIGHUP)
            program.look(1.0)
            assert program.answers(PATIENCE)
            assert program.process.poll() is None
            assert program.stop() == 0
    finally:
        signal.signal(signal.SIGHUP, before)
