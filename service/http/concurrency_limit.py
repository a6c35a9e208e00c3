"""Limits of concurrency, of all clients and of each; excess is 429."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..worker.clients import CLIENT
from ..worker.preparations import PreparationsBusyError
from ..worker.shares import Places
from .errors import BusyError, Limit

RETRY_AFTER = 1  # seconds


@contextmanager
def refusing_preparations() -> Iterator[None]:
    """Answer 429 where the block needs a preparation for which there is no place.

    Raises:
        BusyError: There is none.
    """
    try:
        yield
    except PreparationsBusyError as error:
        raise BusyError(Limit.PREPARATIONS, str(error), {"Retry-After": str(RETRY_AFTER)}) from None


class ConcurrencyLimit(Places):
    """Admits at most `limit` blocks at a time, and of a client its share. For one event loop."""

    def __init__(self, name: Limit, limit: int, doing: str) -> None:
        """`doing` completes "this server …": "streams files"."""
        super().__init__(limit)
        self.name = name
        self._doing = doing

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Take a place for the block.

        Raises:
            BusyError: The limit is reached, or the client has its share.
        """
        client = CLIENT.get()
        if not self.take(client):
            already = (
                f"{self.active:,} already"
                if self.active >= self.limit
                else "as many for this client as it may have"
            )
            raise BusyError(
                self.name,
                f"this server {self._doing}, {already}: try again soon, or at another replica",
                {"Retry-After": str(RETRY_AFTER)},
            )
        try:
            yield
        finally:
            self.give_back(client)
