"""Intermediate results that are computed once for all threads that ask, and kept within a bound of bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

from cachetools import LRUCache

from tensorseed.concurrency.cancellation import ComputationCancelledError, check_cancelled


class Sized(Protocol):
    """What knows how much memory it holds."""

    @property
    def nbytes(self) -> int:
        """In bytes."""


T = TypeVar("T", bound=Sized)


class Kept(Generic[T]):
    """The results computed lately, by key: at most `nbytes` of them. Any thread may use it.

    Threads that ask for one that is being computed wait for it, and for nothing else. Where it is abandoned,
    because its own thread's client left, one of those who wait begins anew.
    """

    def __init__(self, nbytes: int) -> None:
        self._results: LRUCache[Hashable, T] = LRUCache(nbytes, lambda result: result.nbytes)
        self._flights: dict[Hashable, Future[T]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The result of a key: kept, on its way in another thread, or computed in this one. Raises what
        `compute` raises.
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
                return self._land(key, own, compute)
            try:
                return flight.result()
            except ComputationCancelledError:
                check_cancelled()

    def find(self, key: Hashable) -> T | None:
        """The result of a key where it is kept; it counts as asked for."""
        with self._lock:
            return self._results.get(key)

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._results

    def _land(self, key: Hashable, flight: Future[T], compute: Callable[[], T]) -> T:
        """Compute, keep what is not too large, and tell those who wait."""
        try:
            result = compute()
        except BaseException as error:
            with self._lock:
                del self._flights[key]
            flight.set_exception(error)
            raise
        with self._lock:
            if result.nbytes <= self._results.maxsize:
                self._results[key] = result
            del self._flights[key]
        flight.set_result(result)
        return result
