"""Files of generator torch: computed as a whole, shared and cached."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Protocol

from tensorseed.concurrency.cancellation import Cancelled
from tensorseed.concurrency.single_flight import AsyncSingleFlightCache
from tensorseed.files.elements import MaterialisedElements
from tensorseed.spec.resolved import ResolvedSpec

from .fair_pool import FairPool

SECONDS = 1.0  # estimated, of a file of any size
COPIES = 2  # of a file while it is made


class Memory(Protocol):
    """A budget in bytes. Any thread may use it."""

    def take(self, nbytes: int) -> None:
        """Take bytes, or raise an error where they are not there."""

    def give_back(self, nbytes: int) -> None:
        """Give back what was taken."""


class UnboundedMemory:
    """Memory without a bound."""

    def take(self, nbytes: int) -> None:
        """See `Memory`."""

    def give_back(self, nbytes: int) -> None:
        """See `Memory`."""


class TorchFiles:
    """Computes whole files of generator torch, and caches `max_bytes` of them. For one event loop.

    The pool has one thread, since torch's generators are global to the process.
    """

    def __init__(self, max_bytes: int, pool: FairPool, memory: Memory | None = None) -> None:
        self._cache: AsyncSingleFlightCache[MaterialisedElements] = AsyncSingleFlightCache(
            max_bytes, lambda file: file.nbytes
        )
        self._pool = pool
        self._memory = memory or UnboundedMemory()

    @property
    def cached(self) -> int:
        """The number of cached files."""
        return len(self._cache)

    def clear(self) -> None:
        """Forget the cached files."""
        self._cache.clear()

    async def get(self, resolved: ResolvedSpec) -> MaterialisedElements:
        """Return the file of a spec; tasks that need the same one share its computation.

        What `memory` raises for a file without room passes unchanged.

        Raises:
            SpecError: torch has no kernel for one of its tensors.
            TooLargeError: torch rejects nearly every candidate of a truncated normal.
        """
        materialise = partial(_materialise, resolved, self._memory)
        return await self._cache.get(resolved.recipe, partial(self._pool.run, materialise, SECONDS))


def _materialise(resolved: ResolvedSpec, memory: Memory, _cancelled: Cancelled) -> MaterialisedElements:
    """The file of a spec, whose memory is taken until no cache and no stream has it any more."""
    nbytes = COPIES * sum(tensor.nbytes for tensor in resolved.tensors)
    memory.take(nbytes)
    try:
        made = _compute(resolved)
    finally:
        memory.give_back(nbytes)
    memory.take(made.nbytes)
    weakref.finalize(made, memory.give_back, made.nbytes).atexit = False
    return made


def _compute(resolved: ResolvedSpec) -> MaterialisedElements:
    from tensorseed.files.torch_generator import materialise  # torch, which philox does without on the CPU

    return MaterialisedElements(materialise(resolved))
