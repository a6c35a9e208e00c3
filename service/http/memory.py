"""Budget of memory for what requests hold: bodies, parsed specs, texts.

A request takes bytes of it before it builds, and gives them back when its answer is sent. What outlives the
request, such as an open file that streams share, keeps its part until it is freed.

Clients share the budget by dynamic thresholds, as they share places (`worker/shares`).
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, RLock
from traceback import clear_frames
from typing import ParamSpec

from starlette.requests import Request
from starlette.types import Scope

from tensorseed.concurrency.memory import reserving
from tensorseed.errors import TooLargeError

from ..worker.clients import CLIENT
from ..worker.scheduler import Client
from ..worker.shares import THRESHOLD
from .concurrency_limit import RETRY_AFTER
from .errors import BusyError, Limit

P = ParamSpec("P")

SMALL_BYTES = 1 << 20  # of one request, which large ones leave room for
SMALL_SHARE = 8  # of the budget: one part in so many is for small requests alone
RECLAIM_SECONDS = 1.0  # that a thread waits for what caches free, at most
LEASE = "tensorseed.memory"  # in an ASGI scope


class MemoryBudget:
    """At most `limit` bytes, estimated, of all requests together. Any thread may use it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.reclaim: Callable[[], bool] = lambda: False  # frees soon what caches alone hold, if anything
        self._held: Counter[Client] = Counter()
        self._lock = RLock()  # the garbage collector may free an owner, and give back, within `take`

    @property
    def largest(self) -> int:
        """The bytes that one request can have."""
        return self.limit - self.limit // SMALL_SHARE

    def take(self, nbytes: int, held: int = 0, client: Client = None) -> None:
        """Take bytes for a request of a client that has `held` already.

        The only request of a client may take all that is free, the next ones no more than its share.

        Raises:
            TooLargeError: The request exceeds the budget by itself.
            BusyError: The budget is in use, or the client holds its share.
        """
        total = held + nbytes
        if total > self.largest:
            raise TooLargeError(
                f"the request takes about {total:,} bytes of memory, the limit is {self.largest:,}: "
                "send less of it at a time, or raise TENSORSEED_MEMORY_BYTES"
            )
        most = self.limit if total <= SMALL_BYTES else self.largest
        with self._lock:
            free = most - self.used - nbytes
            others = self._held[client] - held if client is not None else 0
            if free < 0:
                raise _busy("is in use")
            if others > 0 and others + total > THRESHOLD * free:
                raise _busy("is in use, most of it by this client")
            self.used += nbytes
            self._held[client] += nbytes

    def give_back(self, nbytes: int, client: Client = None) -> None:
        """Give back what was taken for a client."""
        with self._lock:
            self.used -= nbytes
            self._held[client] -= nbytes
            if not self._held[client]:
                del self._held[client]


def _busy(how: str) -> BusyError:
    return BusyError(
        Limit.MEMORY,
        f"the memory for requests {how}: try again soon, or at another replica",
        {"Retry-After": str(RETRY_AFTER)},
    )


class MemoryLease:
    """The part of one request.

    A thread may work for a request that has ended, since its client left. Nothing is given back before that
    thread has left its block, and nothing taken there is kept.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._taken = 0
        self._client: Client = None
        self._lock = Lock()
        self._blocks = 0
        self._closed = False

    def take(self, nbytes: int) -> None:
        """Take bytes until the request ends.

        Raises:
            TooLargeError: The request exceeds the budget by itself.
            BusyError: The budget is in use.
        """
        self._try(self._take, nbytes)

    def _take(self, nbytes: int) -> None:
        with self._lock:
            if not self._taken:
                self._client = CLIENT.get()
            self._budget.take(nbytes, self._taken, self._client)
            self._taken += nbytes

    def _try(self, take: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call `take`, and in a thread again while caches free what it lacks. An event loop cannot wait."""
        try:
            take(*args, **kwargs)
        except BusyError:
            if not self._budget.reclaim() or _on_event_loop():
                raise
        else:
            return
        end = time.monotonic() + RECLAIM_SECONDS
        while True:
            time.sleep(RECLAIM_SECONDS / 100)
            try:
                take(*args, **kwargs)
            except BusyError:
                if time.monotonic() > end:
                    raise
            else:
                return

    @contextmanager
    def reserving(self, *, keep: bool = False) -> Iterator[None]:
        """Take what is reserved in this thread, for the block or, with `keep`, for the request.

        An error leaves the block without what its traceback refers to, which cycles of tasks would keep.
        """
        taken = 0

        def take(nbytes: int) -> None:
            nonlocal taken
            self.take(nbytes)
            taken += nbytes

        with self._lock:
            self._blocks += 1
        try:
            with reserving(take):
                yield
        except Exception as error:
            clear_frames(error.__traceback__)
            raise
        finally:
            with self._lock:
                self._blocks -= 1
                self._give_back(0 if keep else taken)

    def hand_over(self, nbytes: int, owner: object) -> None:
        """Take bytes until `owner` is freed.

        Raises:
            TooLargeError: The request exceeds the budget by itself.
            BusyError: The budget is in use.
        """
        client = CLIENT.get()
        self._try(lambda: self._budget.take(nbytes, self._taken, client))
        weakref.finalize(owner, self._budget.give_back, nbytes, client).atexit = False

    def close(self) -> None:
        """Give everything back, as soon as no thread works for the request."""
        with self._lock:
            self._closed = True
            self._give_back(0)

    def _give_back(self, nbytes: int) -> None:
        """Give back bytes; all of them where the request has ended. The lock must be held."""
        if self._closed and not self._blocks:
            nbytes = self._taken
        self._taken -= nbytes
        self._budget.give_back(nbytes, self._client)


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def lease_of(request: Request | Scope) -> MemoryLease:
    """The part of a request."""
    scope = request.scope if isinstance(request, Request) else request
    lease: MemoryLease = scope[LEASE]
    return lease
