"""Rate limits of API keys: requests and bytes a second.

A request over the limit is answered 429. A stream that has begun slows down to the limit instead: a client
would request a broken one again. Each process counts alone, in memory.
"""

from __future__ import annotations

import asyncio

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from ..http.errors import BusyError, Limit

PIECES_PER_SECOND = 8  # bytes are spent in pieces, so that a chunk may exceed the limit of a second


class RateLimits:
    """The limits of each key, `requests` and `nbytes` a second; 0 for none. For one event loop."""

    def __init__(self, requests: int, nbytes: int) -> None:
        self._requests = RateLimitItemPerSecond(requests) if requests else None
        self._bytes = RateLimitItemPerSecond(nbytes) if nbytes else None
        self._piece = max(1, nbytes // PIECES_PER_SECOND)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    @property
    def counts_bytes(self) -> bool:
        """Whether `spend` limits anything."""
        return self._bytes is not None

    async def admit(self, name: str) -> None:
        """Count a request of the key `name`.

        Raises:
            BusyError: when the key has reached a limit.
        """
        if self._bytes and not await self._limiter.test(self._bytes, name, "bytes"):
            raise _spent(name, Limit.KEY_BYTES, self._bytes.amount, "bytes")
        if self._requests and not await self._limiter.hit(self._requests, name, "requests"):
            raise _spent(name, Limit.KEY_REQUESTS, self._requests.amount, "requests")

    async def spend(self, name: str, nbytes: int) -> None:
        """Count bytes of the key `name`, waiting until its limit allows them."""
        if self._bytes is None:
            return
        while nbytes > 0:
            piece = min(nbytes, self._piece)
            while not await self._limiter.hit(self._bytes, name, "bytes", cost=piece):
                await asyncio.sleep(max(piece / self._bytes.amount, 0.01))
            nbytes -= piece


def _spent(name: str, limit: Limit, amount: int, what: str) -> BusyError:
    detail = f"the key {name} has used its {amount:,} {what} of this second: try again in the next one"
    return BusyError(limit, detail, {"Retry-After": "1"})
