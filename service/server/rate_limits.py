"""What one key may use a second: a number of requests, and a number of bytes.

A request over the budget is answered 429. A stream that has begun is slowed down to the budget instead, since
one that is broken off would only be asked for again. Each process counts alone, in memory.
"""

from __future__ import annotations

import asyncio

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from ..http.errors import BusyError

PIECES = 8  # that a second's bytes are spent in, so that a chunk may be larger than the budget of a second


class Budgets:
    """The budgets of all keys, each `requests` and `nbytes` a second; 0 for no bound. For one event loop."""

    def __init__(self, requests: int, nbytes: int) -> None:
        self._requests = RateLimitItemPerSecond(requests) if requests else None
        self._bytes = RateLimitItemPerSecond(nbytes) if nbytes else None
        self._piece = max(1, nbytes // PIECES)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    @property
    def counts_bytes(self) -> bool:
        """Whether `spend` is to be told of bytes."""
        return self._bytes is not None

    async def admit(self, name: str) -> None:
        """Count a request of the key `name`. Raises BusyError where its budget is spent."""
        if self._bytes and not await self._limiter.test(self._bytes, name, "bytes"):
            raise _spent(name, self._bytes.amount, "bytes")
        if self._requests and not await self._limiter.hit(self._requests, name, "requests"):
            raise _spent(name, self._requests.amount, "requests")

    async def spend(self, name: str, nbytes: int) -> None:
        """Take bytes from the budget of the key `name`, waiting until it holds them."""
        if self._bytes is None:
            return
        while nbytes > 0:
            piece = min(nbytes, self._piece)
            while not await self._limiter.hit(self._bytes, name, "bytes", cost=piece):
                await asyncio.sleep(max(piece / self._bytes.amount, 0.01))
            nbytes -= piece


def _spent(name: str, amount: int, what: str) -> BusyError:
    detail = f"the key {name} has used its {amount:,} {what} of this second: try again in the next one"
    return BusyError(detail, {"Retry-After": "1"})
