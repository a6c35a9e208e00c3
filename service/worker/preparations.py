"""Preparations that precede a first element, shared by their waiters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tensorseed.concurrency.cancellation import Cancelled
from tensorseed.concurrency.single_flight import AsyncSingleFlightCache
from tensorseed.sampling.distributions import Preparation

from ..telemetry import DEVICE, span
from .clients import CLIENT
from .pools import SHORT_SECONDS, Pools
from .shares import Places

MAX_PREPARING = 32  # streams that wait for their first preparation


class PreparationsBusyError(Exception):
    """As many streams wait for preparations as may, or as many of one client."""


class Preparations:
    """Runs preparations in a pool. For one event loop.

    A client that waits for a result holds no thread. The last one to leave cancels the computation.
    """

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._places = Places(MAX_PREPARING)
        self._flights: AsyncSingleFlightCache[bool] = AsyncSingleFlightCache(0, lambda _: 1)

    async def run(self, missing: Sequence[Preparation], *, begins: bool) -> None:
        """Run preparations, one after the other. A stream that `begins` with long ones may be refused.

        Raises:
            PreparationsBusyError: it is.
        """
        client = CLIENT.get()
        takes_place = begins and sum(preparation.seconds for preparation in missing) > SHORT_SECONDS
        if takes_place and not self._places.take(client):
            raise PreparationsBusyError(
                "as many files as may be wait for their orthogonal matrices to be prepared: try again soon, "
                "or at another replica"
            )
        try:
            with span("prepare", {DEVICE: "auto"}):
                for preparation in missing:
                    await self._flights.get(preparation, partial(self._prepare, preparation))
        finally:
            if takes_place:
                self._places.give_back(client)

    async def _prepare(self, preparation: Preparation) -> bool:
        def run(_cancelled: Cancelled) -> bool:
            preparation.run()
            return True

        is_short = preparation.seconds <= SHORT_SECONDS
        pool = self._pools.dear_chunks if is_short else self._pools.preparations
        return await pool.run(run, preparation.seconds)
