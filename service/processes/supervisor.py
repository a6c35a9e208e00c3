"""Supervisor of worker processes, which watches all of them at once.

No wait for one worker delays the replacement of another. A start that fails is repeated with an exponential
backoff, which ends when any worker is ready.
"""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait

from tensorseed.concurrency.cpu import cores

from .signals import STOP_SIGNALS, handled, ignore
from .worker_process import ERROR, FAULTS, HANG, Target, WorkerProcess

LOOK_SECONDS = 1.0  # between two looks at the workers, at most
HANG_SECONDS = 60.0  # without a sign of life, after which a worker is killed
QUIET_SECONDS = 5.0  # without a sign of life, after which a start no longer keeps others waiting
START_SECONDS = 600.0  # for a start, which compiles for minutes on a busy machine
MIN_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 8.0
FAILED_STARTS = 5  # by faults of their own, before any worker is ready: the next would fail, too

_log = logging.getLogger(__name__)


class WorkersError(RuntimeError):
    """No worker can start."""


@dataclass
class Slot:
    """A place for one worker. While it is empty, `due` is the time at which the next one starts."""

    worker: WorkerProcess | None = None
    due: float = 0.0


class Supervisor:
    """Keeps `count` workers running `target` until a signal stops them.

    `ended` learns of each worker that ends unasked, and `serving` once that the first one is ready. A worker
    without a sign of life for `hang_seconds` is killed. When the supervisor stops, the workers that serve are
    sent SIGTERM and have `stop_seconds` to end. A second SIGINT kills them.
    """

    def __init__(
        self,
        target: Target,
        count: int,
        stop_seconds: float,
        ended: Callable[[WorkerProcess], None],
        serving: Callable[[], None],
        hang_seconds: float = HANG_SECONDS,
    ) -> None:
        self._target = target
        self._slots = [Slot() for _ in range(count)]
        self._stop_seconds = stop_seconds
        self._hang_seconds = hang_seconds
        self._ended = ended
        self._serving = serving
        self._served = False
        self._failures = 0  # starts that have failed in a row
        self._errors = 0  # those among them that a fault of their own has ended
        self._signals: list[int] = []

    def run(self) -> None:
        """Supervise until a signal comes.

        Raises:
            WorkersError: no worker can start.
        """
        looked = time.monotonic()
        with _signals() as wakeup:
            try:
                while not self._signals:
                    self._start_due()
                    self._wait(wakeup, self._next_look())
                    now = time.monotonic()
                    # A pause of the supervisor itself, as by Ctrl-Z, says nothing about the workers.
                    self._look(min(now - looked, LOOK_SECONDS))
                    looked = now
                self._stop(wakeup)
            finally:
                self._kill_all()

    def _workers(self) -> list[WorkerProcess]:
        return [slot.worker for slot in self._slots if slot.worker is not None]

    def _running(self) -> list[WorkerProcess]:
        return [worker for worker in self._workers() if worker.status is None]

    def _start_due(self) -> None:
        """Start the workers that are due, as many at a time as there are cores: one is ready sooner so."""
        room = cores() - sum(not w.ready and w.silence < QUIET_SECONDS for w in self._workers())
        for number, slot in enumerate(self._slots):
            if slot.worker is None and slot.due <= time.monotonic() and room > 0:
                room -= 1
                try:
                    slot.worker = WorkerProcess.start(self._target, number)
                except OSError as error:  # no memory, no descriptor, or no process is left
                    self._failures += 1
                    seconds = max(MIN_BACKOFF_SECONDS, backoff(self._failures))
                    slot.due = time.monotonic() + seconds
                    _log.error("no worker can start: %s: again in %g s", error.strerror, seconds)

    def _next_look(self) -> float:
        """Seconds to wait, at most."""
        due = [slot.due - time.monotonic() for slot in self._slots if slot.worker is None]
        return min([LOOK_SECONDS, *(seconds for seconds in due if seconds > 0)])

    def _wait(self, wakeup: socket.socket, seconds: float) -> None:
        """Wait for a signal, a sign of life or a death."""
        running = self._running()
        pipes = [worker.connection for worker in running if worker.connected]
        wait([wakeup, *pipes, *(worker.process.sentinel for worker in running)], seconds)
        with suppress(BlockingIOError):
            self._signals.extend(wakeup.recv(4096))

    def _look(self, seconds: float) -> None:
        """Act on what the workers have done in the seconds since the last look."""
        for slot in self._slots:
            worker = slot.worker
            if worker is None:
                continue
            was_ready = worker.ready
            worker.look(seconds)
            if worker.ready and not was_ready:
                self._note_ready()
            if worker.status is not None:
                slot.worker = None
                self._bury(slot, worker)
            elif worker.silence > self._hang_seconds or (not worker.ready and worker.age > START_SECONDS):
                worker.hung = True
                worker.process.kill()

    def _note_ready(self) -> None:
        """Workers can start: let those that wait start at once."""
        if not self._served:
            self._serving()
        self._served = True
        self._failures = self._errors = 0
        for slot in self._slots:
            slot.due = 0.0

    def _bury(self, slot: Slot, worker: WorkerProcess) -> None:
        """Tell of a worker that has ended, and when the next one starts.

        Raises:
            WorkersError: too many starts have failed, and none has succeeded.
        """
        end = f"worker {worker.pid} {_told(worker)}"
        try:
            self._ended(worker)
        except Exception:  # as of a full disk, which is no reason to serve no longer
            _log.exception("the end of worker %d is not counted", worker.pid)
        if worker.ready:
            _log.warning("%s: another one starts", end)
        else:
            self._failures += 1
            self._errors += worker.cause in FAULTS
            if self._errors >= FAILED_STARTS and not self._served:
                raise WorkersError(f"{self._errors} workers could not start: the log says why")
            seconds = backoff(self._failures)
            slot.due = time.monotonic() + seconds
            again = f"the next one starts in {seconds:g} s" if seconds else "another one starts"
            _log.error("%s while it started, failure %d in a row: %s", end, self._failures, again)
        worker.close()

    def _stop(self, wakeup: socket.socket) -> None:
        """Let the workers that serve end, and kill those that start."""
        for worker in self._running():
            if worker.ready:
                worker.stop()
            else:
                worker.process.kill()
        if signal.SIGINT in self._signals:
            _log.info("stopping, in at most %g s; Ctrl-C again to stop at once", self._stop_seconds)
        end = time.monotonic() + self._stop_seconds
        while self._running() and self._signals.count(signal.SIGINT) < 2:
            if time.monotonic() > end:
                count = len(self._running())
                _log.warning("%d workers did not end in %g s: they are killed", count, self._stop_seconds)
                break
            self._wait(wakeup, LOOK_SECONDS)
            for worker in self._running():
                worker.look(0.0)

    def _kill_all(self) -> None:
        for worker in self._workers():
            worker.process.kill()
            worker.close()


def backoff(failures: int) -> float:
    """Seconds until the next start after so many failures in a row: 0, then doubling up to a maximum."""
    if failures < 2:
        return 0.0
    return min(MAX_BACKOFF_SECONDS, MIN_BACKOFF_SECONDS * 2.0 ** min(failures - 2, 16))


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket that receives the number of each stop signal."""
    reader, writer = socket.socketpair()
    with reader, writer, handled(dict.fromkeys(STOP_SIGNALS, ignore)):
        reader.setblocking(False)
        writer.setblocking(False)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(before)


def _told(worker: WorkerProcess) -> str:
    if worker.cause is None:
        return "has stopped"
    if worker.cause == HANG:
        return "gave no sign of life and was killed"
    return f"ended with status {worker.status}" if worker.cause == ERROR else f"was killed by {worker.cause}"
