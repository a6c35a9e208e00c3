"""Work queue of one device, with two pieces under way."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from .clients import CLIENT
from .scheduler import DeficitRoundRobin

T = TypeVar("T")
Finish = Callable[[], T]
"""Waits for work that was started, and returns its result."""
Start = Callable[[], Finish[T]]
"""Starts work on the device without waiting for it."""

DEPTH = 2  # pieces under way: one computes while the other is copied


class DeviceQueue(Generic[T]):
    """Runs pieces of work in one thread, `DEPTH` of them overlapping; clients take turns.

    `translate_error` turns what a piece raises into the error that its waiter sees.
    """

    def __init__(self, name: str, translate_error: Callable[[Exception], Exception]) -> None:
        self._translate_error = translate_error
        self._queue: DeficitRoundRobin[tuple[Future[T], Start[T]]] = DeficitRoundRobin()
        self._started: deque[tuple[Future[T], Finish[T]]] = deque()
        self._changed = threading.Condition()  # of the queue, or of whether it is closed
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, start: Start[T], seconds: float) -> Future[T]:
        """Queue a piece of work that is estimated to take `seconds`, or so many times as long as others.

        Raises:
            RuntimeError: the queue is closed.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the device queue is closed")
            self._queue.push(CLIENT.get(), seconds, (future, start))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Cancel what is queued and finish what is started. Blocks until the thread has ended."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        """Start pieces until `DEPTH` are under way or none is queued; then finish the oldest."""
        while not self._closed or self._started:
            if self._take() and len(self._started) < DEPTH:
                continue
            if self._started:
                self._finish(*self._started.popleft())
        self._drop()

    def _take(self) -> bool:
        """Start the next piece, and wait for one if none is under way. Return whether there was one."""
        with self._changed:
            while not (self._queue or self._started or self._closed):
                self._changed.wait()
            job = None if self._closed else self._queue.pop()
        if job is not None:
            self._start(*job)
        return job is not None

    def _start(self, future: Future[T], start: Start[T]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            self._started.append((future, start()))
        except Exception as error:
            future.set_exception(self._translate_error(error))

    def _finish(self, future: Future[T], finish: Finish[T]) -> None:
        try:
            future.set_result(finish())
        except Exception as error:
            future.set_exception(self._translate_error(error))

    def _drop(self) -> None:
        with self._changed:
            while (job := self._queue.pop()) is not None:
                job[0].cancel()
