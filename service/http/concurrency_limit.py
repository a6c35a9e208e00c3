"""Limits of concurrency, whose excess is answered 429."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import BusyError, Limit

RETRY_AFTER = 1  # seconds


class ConcurrencyLimit:
    """Admits at most `limit` blocks at a time. For one event loop."""

    def __init__(self, name: Limit, limit: int, doing: str) -> None:
        """`doing` completes "this server …": "streams files"."""
        self.name = name
        self.limit = limit
        self._doing = doing
        self.active = 0

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Take a place for the block.

        Raises:
            BusyError: The limit is reached.
        """
        if self.active >= self.limit:
            raise BusyError(
                self.name,
                f"this server {self._doing}, {self.limit:,} already: try again soon, or at another replica",
                {"Retry-After": str(RETRY_AFTER)},
            )
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1
