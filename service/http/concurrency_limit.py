"""How much is under way at a time: one more is asked to come back, so that none starves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import BusyError

RETRY_AFTER = 1  # seconds


class ConcurrencyLimit:
    """Counts what is under way, of which there may be `limit` at a time. For one event loop."""

    def __init__(self, limit: int, doing: str) -> None:
        """`doing` completes "this server …": "streams files"."""
        self._limit = limit
        self._doing = doing
        self.active = 0

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Be one of those under way. Raises BusyError where they are as many as may be."""
        if self.active >= self._limit:
            raise BusyError(
                f"this server {self._doing}, {self._limit:,} already: try again soon, or at another replica",
                {"Retry-After": str(RETRY_AFTER)},
            )
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1
