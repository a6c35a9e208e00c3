"""Threads for long, cancellable jobs and for files of generator torch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tensorseed.concurrency.cancellation import Cancelled, cancellable
from tensorseed.concurrency.cpu import lower_priority
from tensorseed.concurrency.single_flight import AsyncSingleFlightCache
from tensorseed.files.elements import MaterialisedElements
from tensorseed.spec.resolved import ResolvedSpec

from ..telemetry import ThreadPool

T = TypeVar("T")


class JobPool:
    """Threads whose jobs are cancelled together with the tasks that await them."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPool(threads, thread_name_prefix=name, initializer=lower_priority)
        self._running: set[threading.Event] = set()

    async def run(self, job: Callable[[Cancelled], T]) -> T:
        """Run a job within `cancellable`, and pass it the same question.

        The job is cancelled when the awaiting task is, or the pool closes; a queued job then never starts.
        """
        cancelled = threading.Event()
        self._running.add(cancelled)
        try:
            return await asyncio.wrap_future(self._pool.submit(_run, job, cancelled.is_set))
        finally:
            cancelled.set()
            self._running.discard(cancelled)

    def close(self) -> None:
        """Cancel all jobs. Blocks until the threads have ended."""
        for cancelled in list(self._running):
            cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)


class TorchFiles:
    """Computes whole files of generator torch, and caches `max_bytes` of them. For one event loop.

    One thread computes them, since torch's generators are global to the process.
    """

    def __init__(self, max_bytes: int) -> None:
        self._cache: AsyncSingleFlightCache[MaterialisedElements] = AsyncSingleFlightCache(
            max_bytes, lambda file: file.nbytes
        )
        self._jobs = JobPool(1, "torch")

    async def get(self, resolved: ResolvedSpec) -> MaterialisedElements:
        """Return the file of a spec; tasks that need the same one share its computation.

        Raises:
            SpecError: torch has no kernel for one of its tensors.
            TooLargeError: torch rejects nearly every candidate of a truncated normal.
        """
        return await self._cache.get(
            resolved.recipe, partial(self._jobs.run, partial(_materialise, resolved))
        )

    def close(self) -> None:
        """Cancel the computations. Blocks until the thread has ended."""
        self._jobs.close()


def _run(job: Callable[[Cancelled], T], cancelled: Cancelled) -> T:
    with cancellable(cancelled):
        return job(cancelled)


def _materialise(resolved: ResolvedSpec, _cancelled: Cancelled) -> MaterialisedElements:
    from tensorseed.files.torch_generator import materialise  # torch, which philox does without on the CPU

    return MaterialisedElements(materialise(resolved))
