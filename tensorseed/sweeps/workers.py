"""Warm processes of this machine, which evaluate one point after another."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tensorseed.concurrency.child_process import ChildProcess
from tensorseed.errors import TensorseedError
from tensorseed.sweeps.computing import failure

ATTEMPTS = 2  # at a point whose worker dies, such as for want of memory
MAX_SECONDS = 1e6  # of one point
JOIN_SECONDS = 0.05

DIED = "its process was ended twice, perhaps for want of memory: take fewer workers, or a smaller network"

_TARGET = "tensorseed.sweeps.computing:answering"


@dataclass(frozen=True)
class Task:
    """A point of the grid and the request that computes it."""

    index: int
    request: bytes


class WorkerError(TensorseedError):
    """Workers that do not start, or cannot compute anything. The message says why, and what to do."""


Answered = tuple[Task, dict[str, Any]]


def compute(tasks: Iterable[Task], workers: int) -> Iterator[Answered]:
    """Yield the answer to each task, in the order in which they are done, from so many processes.

    Each process takes the next task when it is done with one: no more are read ahead.
    The processes end with the iterator, and with this process. A task over which one dies twice has failed.

    Raises:
        WorkerError: a process does not start.
    """
    source, turn, stopping = iter(tasks), threading.Lock(), threading.Event()
    found: queue.SimpleQueue[Answered | BaseException | None] = queue.SimpleQueue()
    children = [ChildProcess(_TARGET) for _ in range(workers)]

    def work(child: ChildProcess) -> None:
        try:
            _start(child, stopping)
            while not stopping.is_set():
                with turn:
                    task = next(source, None)
                if task is None:
                    break
                found.put((task, _request(child, task, stopping)))
        except BaseException as error:  # which the caller raises
            found.put(error)
        found.put(None)

    threads = [threading.Thread(target=work, args=(child,), daemon=True) for child in children]
    try:
        for thread in threads:
            thread.start()
        working = len(threads)
        while working:
            one = found.get()
            if one is None:
                working -= 1
            elif isinstance(one, BaseException):
                raise one
            else:
                yield one
    finally:
        stopping.set()
        for thread, child in zip(threads, children, strict=True):
            child.kill()
            while thread.is_alive():  # in case it was about to start another process
                thread.join(JOIN_SECONDS)
                child.kill()


def _start(child: ChildProcess, stopping: threading.Event) -> None:
    """Start a process, which else would take one point after another for the cause of its death."""
    for _ in range(ATTEMPTS):
        with suppress(EOFError):
            child.request(b"", MAX_SECONDS)
            return
        if stopping.is_set():
            return
    raise WorkerError("no process can be started, perhaps for want of memory: take fewer workers")


def _request(child: ChildProcess, task: Task, stopping: threading.Event) -> dict[str, Any]:
    for _ in range(ATTEMPTS):
        with suppress(EOFError):
            answer: dict[str, Any] = json.loads(child.request(task.request, MAX_SECONDS))
            return answer
        if stopping.is_set():
            break
    return failure(DIED)
