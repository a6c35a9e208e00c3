"""The thread of one device: it begins the next chunk before it waits for the one under way."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
Ending = Callable[[], T]  # waits for what was begun, and gives its result
Beginning = Callable[[], Ending[T]]  # starts something on the device, without waiting for it

DEPTH = 2  # pieces of work that are begun and not ended: one computes while one is copied


class Lane(Generic[T]):
    """Runs pieces of work in the order in which they were submitted, two of them overlapping.

    `explained` makes of what a piece raised the error that its waiter sees.
    """

    def __init__(self, name: str, explained: Callable[[Exception], Exception]) -> None:
        self._explained = explained
        self._queue: queue.SimpleQueue[tuple[Future[T], Beginning[T]] | None] = queue.SimpleQueue()
        self._begun: deque[tuple[Future[T], Ending[T]]] = deque()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, begin: Beginning[T]) -> Future[T]:
        """Queue a piece of work. Raises RuntimeError once the lane is closed."""
        future: Future[T] = Future()
        with self._closing:
            if self._closed:
                raise RuntimeError("the lane is closed")
            self._queue.put((future, begin))
        return future

    def close(self) -> None:
        """Drop what is queued, and end what is begun. Blocks until the thread has ended."""
        with self._closing:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        """Begin what is queued until `DEPTH` is under way; then, or with nothing queued, end the oldest."""
        while not self._closed or self._begun:
            if self._take() and len(self._begun) < DEPTH:
                continue
            if self._begun:
                self._end(*self._begun.popleft())
        self._drop()

    def _take(self) -> bool:
        """Begin the next piece, waiting for one where nothing is under way. Whether there was any."""
        try:
            job = self._queue.get(block=not self._begun)
        except queue.Empty:
            return False
        if job is not None and not self._closed:
            self._begin(*job)
        elif job is not None:
            job[0].cancel()
        return job is not None

    def _begin(self, future: Future[T], begin: Beginning[T]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            self._begun.append((future, begin()))
        except Exception as error:
            future.set_exception(self._explained(error))

    def _end(self, future: Future[T], end: Ending[T]) -> None:
        try:
            future.set_result(end())
        except Exception as error:
            future.set_exception(self._explained(error))

    def _drop(self) -> None:
        """Cancel what nobody will begin any more."""
        while not self._queue.empty():
            job = self._queue.get()
            if job is not None:
                job[0].cancel()
