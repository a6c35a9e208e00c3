"""Single-flight caches: one computation per key, a bound in bytes.

`SingleFlightCache` is for threads: the first one that needs a result computes it, the others wait.
`AsyncSingleFlightCache` is for tasks of one event loop: the computation is a task of its own.
Its last waiter, when cancelled, cancels it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

from tensorseed.concurrency.cancellation import ComputationCancelledError, check_cancelled

T = TypeVar("T")

WAIT_SECONDS = 0.01  # for another thread's result, until a waiting one looks whether it is cancelled


class _BoundedCache(Generic[T]):
    """The most recently used results by key, at most `max_bytes` of them. Thread-safe."""

    def __init__(self, max_bytes: int, size_of: Callable[[T], int]) -> None:
        self._results: LRUCache[Hashable, T] = LRUCache(max_bytes, size_of)
        self._size_of = size_of
        self._lock = threading.Lock()

    def peek(self, key: Hashable) -> T | None:
        """Return the cached result of a key, without computing it; this counts as a use."""
        with self._lock:
            return self._results.get(key)

    def __len__(self) -> int:
        """The number of cached results."""
        return len(self._results)

    def clear(self) -> None:
        """Forget all results."""
        with self._lock:
            self._results.clear()

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._results

    def _store(self, key: Hashable, result: T) -> None:
        """Cache a result, unless it is larger than the bound; the lock must be held."""
        if self._size_of(result) <= self._results.maxsize:
            self._results[key] = result


class SingleFlightCache(_BoundedCache[T]):
    """A cache whose results are computed by the threads that need them, each result by one of them.

    A thread that computes may be cancelled; one of those that wait then computes the result.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[T], int]) -> None:
        super().__init__(max_bytes, size_of)
        self._flights: dict[Hashable, Future[T]] = {}

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the result of a key: cached, from the thread that computes it, or from `compute`.

        Raises what `compute` raises, in every thread that waits; no error is cached.
        """
        while True:
            with self._lock:
                known = self._results.get(key)
                if known is not None:
                    return known
                flight = self._flights.get(key)
                if flight is None:
                    own = self._flights[key] = Future()
            if flight is None:
                return self._fly(key, own, compute)
            try:
                return flight.result(WAIT_SECONDS)
            except (ComputationCancelledError, TimeoutError):
                check_cancelled()

    def _fly(self, key: Hashable, flight: Future[T], compute: Callable[[], T]) -> T:
        try:
            result = compute()
        except BaseException as error:
            with self._lock:
                del self._flights[key]
            flight.set_exception(error)
            raise
        with self._lock:
            self._store(key, result)
            del self._flights[key]
        flight.set_result(result)
        return result


@dataclass(slots=True)
class _Flight(Generic[T]):
    """A computation under way, and the number of its waiters."""

    task: asyncio.Task[T]
    waiters: int = 0


class AsyncSingleFlightCache(_BoundedCache[T]):
    """A cache whose results are computed by tasks of one event loop."""

    def __init__(self, max_bytes: int, size_of: Callable[[T], int]) -> None:
        super().__init__(max_bytes, size_of)
        self._flights: dict[Hashable, _Flight[T]] = {}

    async def get(self, key: Hashable, compute: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of a key: cached, from a computation under way, or from `compute`.

        Raises what `compute` raises, in every task that waits; no error is cached.
        """
        known = self.peek(key)
        if known is not None:
            return known
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(self._fly(key, compute)))
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters:
                self._end(key, flight)

    async def _fly(self, key: Hashable, compute: Callable[[], Coroutine[Any, Any, T]]) -> T:
        result = await compute()
        with self._lock:
            self._store(key, result)
        return result

    def _end(self, key: Hashable, flight: _Flight[T]) -> None:
        """Forget a computation without waiters: it is done, or cancelled here."""
        if self._flights.get(key) is flight:
            del self._flights[key]
        flight.task.cancel()
