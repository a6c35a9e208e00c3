"""Texts that take long to compute: each computed once for all who wait, given up when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache


@dataclass(slots=True)
class _Flight:
    """A text on its way, and how many wait for it."""

    task: asyncio.Task[bytes]
    waiting: int = 0


class Flights:
    """Keeps at most `nbytes` of the texts computed lately. For one event loop."""

    def __init__(self, nbytes: int) -> None:
        self._kept: LRUCache[str, bytes] = LRUCache(nbytes, len)
        self._flights: dict[str, _Flight] = {}

    def kept(self, key: str) -> bytes | None:
        """The text of a key, if it is still there."""
        return self._kept.get(key)

    async def get(self, key: str, compute: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """The text of a key: kept, on its way already, or computed now. Raises what `compute` raises.

        When the last of those who wait is cancelled, the computing is.
        """
        known = self._kept.get(key)
        if known is not None:
            return known
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(self._land(key, compute)))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                self._end(key, flight)

    async def _land(self, key: str, compute: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        text = await compute()
        if len(text) <= self._kept.maxsize:
            self._kept[key] = text
        return text

    def _end(self, key: str, flight: _Flight) -> None:
        """Nobody waits any more: the text has landed, or is not wanted."""
        if self._flights.get(key) is flight:
            del self._flights[key]
        flight.task.cancel()
