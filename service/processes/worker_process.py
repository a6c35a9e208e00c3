"""Worker process as its supervisor sees it, and its signs of life.

A worker sends them through a pipe: by a thread while it starts, by its event loop once it serves.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe
from multiprocessing.context import SpawnProcess
from multiprocessing.resource_tracker import ensure_running

from .signals import STOP_SIGNALS, blocked, unblock

ALIVE, READY, STOP = b"alive", b"ready", b"stop"
BEAT_SECONDS = 1.0  # between two signs of life

HANG, ERROR = "hang", "error"
FAULTS = ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", ERROR)  # of the process itself
CAUSES = (*FAULTS, "SIGKILL", HANG)
"""The usual causes of a worker's death: a signal, an error of its own, and a hang, for which it is killed."""

Target = Callable[[int, Connection], None]
"""What runs in a worker, given the number of its place. It sends signs of life through the connection."""

_spawn = get_context("spawn")


class Pulse:
    """The signs of life of this process, sent to its supervisor."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ready = threading.Event()
        if hasattr(os, "set_blocking"):
            os.set_blocking(connection.fileno(), False)  # a supervisor that is stopped blocks no worker
        threading.Thread(target=self._start, name="pulse", daemon=True).start()

    def beat(self) -> None:
        """Send a sign of life."""
        self._send(ALIVE)

    def ready(self) -> None:
        """Tell that this process serves, and take SIGTERM. Calls of `beat` have to follow."""
        self._ready.set()
        self._send(READY)
        unblock([signal.SIGTERM])

    def service_stops(self) -> bool:
        """Whether the supervisor has said so, or is gone."""
        try:
            return self._connection.poll()
        except OSError:
            return True

    def _start(self) -> None:
        while not self._ready.wait(BEAT_SECONDS):
            self.beat()

    def _send(self, message: bytes) -> None:
        with suppress(OSError):
            self._connection.send_bytes(message)


@dataclass
class WorkerProcess:
    """A process that runs a target in one of several places, seen by its supervisor."""

    number: int
    process: SpawnProcess
    connection: Connection
    ready: bool = False
    hung: bool = False
    silence: float = 0.0  # seconds since its last sign of life
    age: float = 0.0
    connected: bool = True

    @classmethod
    def start(cls, target: Target, number: int) -> WorkerProcess:
        """Start a process, in which the stop signals are blocked: those of a terminal reach all processes.

        Raises:
            OSError: the system has no room for another process.
        """
        ensure_running()  # the start of the resource tracker would unblock the signals
        ours, theirs = Pipe()
        process = _spawn.Process(target=target, args=(number, theirs))
        try:
            with theirs, blocked(STOP_SIGNALS):
                process.start()
        except OSError:
            ours.close()
            raise
        return cls(number, process, ours)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self.process.pid or 0

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while the process runs."""
        return self.process.exitcode

    @property
    def cause(self) -> str | None:
        """The cause of its death; None for a process that has stopped as one that is told to."""
        if self.hung:
            return HANG
        if not self.status:
            return None
        return ERROR if self.status > 0 else _signal_name(-self.status)

    def look(self, seconds: float) -> None:
        """Take the signs of life that have arrived in the seconds since the last look."""
        self.silence += seconds
        self.age += seconds
        try:
            while self.connected and self.connection.poll():
                self.ready |= self.connection.recv_bytes() == READY
                self.silence = 0.0
        except (OSError, EOFError):
            self.connected = False

    def stop(self) -> None:
        """Stop the process, as one of a service that stops."""
        with suppress(OSError):
            self.connection.send_bytes(STOP)
        self.process.terminate()

    def close(self) -> None:
        """Release a process that has ended, or that is being killed."""
        self.process.join()
        self.process.close()
        self.connection.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
