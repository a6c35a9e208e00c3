"""Files that are computed as a whole: each once, on a thread of their own, for all who wait for it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tensorseed.concurrency.cancellation import cancellable
from tensorseed.concurrency.cpu import lower_priority
from tensorseed.files.materialised import Materialised, Shelf
from tensorseed.spec.resolved import ResolvedSpec


@dataclass(slots=True)
class _Flight:
    """A file on its way: what computes it, and how many wait."""

    future: asyncio.Future[Materialised]
    cancelled: threading.Event
    waiting: int = field(default=0)


class TorchFiles:
    """Materialises files of generator torch, and keeps `nbytes` of them. For one event loop.

    They are computed one after the other, since torch's generators are one for the whole process. When the
    last of those who wait for a file leaves, its computing ends.
    """

    def __init__(self, nbytes: int) -> None:
        self._shelf = Shelf(nbytes)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="torch", initializer=lower_priority)
        self._flights: dict[str, _Flight] = {}

    async def get(self, resolved: ResolvedSpec) -> Materialised:
        """The file of a spec: from the shelf, from a flight under way, or from a new one.

        Raises SpecError or TooLargeError where torch finds that it cannot draw the file after all.
        """
        key = resolved.recipe
        known = self._shelf.get(key)
        if known is not None:
            return known
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = self._start(resolved)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.future)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                self._end(key, flight)

    def close(self) -> None:
        """Give up what is under way. Blocks until the thread has ended."""
        for flight in self._flights.values():
            flight.cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, resolved: ResolvedSpec) -> _Flight:
        cancelled = threading.Event()
        future = asyncio.wrap_future(self._pool.submit(_compute, resolved, cancelled, self._shelf))
        return _Flight(future, cancelled)

    def _end(self, key: str, flight: _Flight) -> None:
        """Nobody waits any more: the file has landed, or is not wanted."""
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.future.done():
            flight.cancelled.set()
            flight.future.cancel()


def _compute(resolved: ResolvedSpec, cancelled: threading.Event, shelf: Shelf) -> Materialised:
    from tensorseed.files.torch_generator import materialise  # torch, which philox does without on the CPU

    with cancellable(cancelled.is_set):
        file = materialise(resolved)
    shelf.put(resolved.recipe, file)
    return file
