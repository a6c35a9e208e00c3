"""Lease of memory for every request, from its first byte to its last."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from ..http.memory import LEASE, MemoryBudget, MemoryLease


class RequestMemory:
    """Gives every request a lease of the budget, and closes it when the answer has been sent."""

    def __init__(self, app: ASGIApp, budget: MemoryBudget) -> None:
        self._app = app
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        lease = scope[LEASE] = MemoryLease(self._budget)
        try:
            await self._app(scope, receive, send)
        finally:
            lease.close()
