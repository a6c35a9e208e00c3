"""Places that are shared between clients by dynamic thresholds.

A. K. Choudhury and E. L. Hahne, "Dynamic queue length thresholds for shared-memory packet switches", IEEE/ACM
Transactions on Networking 6 (1998). A client may hold a multiple of the places that are free. One alone gets
most of them, several get equal shares, and some places stay free for those who come next.
"""

from __future__ import annotations

from collections import Counter

from .scheduler import Client

THRESHOLD = 3  # times the free places that one client may hold: three quarters of all, if it is alone


class Places:
    """At most `limit` places, taken and given back by clients."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.active = 0
        self._held: Counter[Client] = Counter()

    def take(self, client: Client) -> bool:
        """Take a place for a client; False where all are taken, or the client holds its share.

        None is the service itself, which has no share.
        """
        free = self.limit - self.active
        if free <= 0 or (client is not None and self._held[client] >= max(1, THRESHOLD * free)):
            return False
        self.active += 1
        self._held[client] += 1
        return True

    def give_back(self, client: Client) -> None:
        """Give back a place of a client."""
        self.active -= 1
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
