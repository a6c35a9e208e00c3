"""Files of generator torch: computed as a whole, shared and cached."""

from __future__ import annotations

from functools import partial

from tensorseed.concurrency.cancellation import Cancelled
from tensorseed.concurrency.single_flight import AsyncSingleFlightCache
from tensorseed.files.elements import MaterialisedElements
from tensorseed.spec.resolved import ResolvedSpec

from .fair_pool import FairPool

SECONDS = 1.0  # estimated, of a file of any size


class TorchFiles:
    """Computes whole files of generator torch, and caches `max_bytes` of them. For one event loop.

    The pool has one thread, since torch's generators are global to the process.
    """

    def __init__(self, max_bytes: int, pool: FairPool) -> None:
        self._cache: AsyncSingleFlightCache[MaterialisedElements] = AsyncSingleFlightCache(
            max_bytes, lambda file: file.nbytes
        )
        self._pool = pool

    async def get(self, resolved: ResolvedSpec) -> MaterialisedElements:
        """Return the file of a spec; tasks that need the same one share its computation.

        Raises:
            SpecError: torch has no kernel for one of its tensors.
            TooLargeError: torch rejects nearly every candidate of a truncated normal.
        """
        materialise = partial(_materialise, resolved)
        return await self._cache.get(resolved.recipe, partial(self._pool.run, materialise, SECONDS))


def _materialise(resolved: ResolvedSpec, _cancelled: Cancelled) -> MaterialisedElements:
    from tensorseed.files.torch_generator import materialise  # torch, which philox does without on the CPU

    return MaterialisedElements(materialise(resolved))
