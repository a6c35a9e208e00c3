"""Deficit round robin: a fair order of pieces of work between clients.

M. Shreedhar and G. Varghese, "Efficient fair queuing using deficit round-robin", IEEE/ACM Transactions on
Networking 4 (1996). Clients form a ring. At its turn a client gains a quantum, and its pieces are taken while
it can pay for them. What is left is kept for its next turn, while its pieces wait. So clients who always wait
get equal time, and a cheap piece comes before dear ones, which are saved for over several turns.

A client that has not waited for a round comes first, with one quantum, as the sparse flows of FQ-CoDel do
(RFC 8290, section 4.2). All of those together get no more than half of the time.

`settle` corrects an estimate afterwards, so that nobody gains by work that takes longer than it seemed.
Pure: there is no thread, no lock and no clock here.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

QUANTUM = 1e-3  # seconds that a client gains at its turn: less than most pieces take
CREDIT = 0.05  # seconds by which newcomers may have had less than half of the time
MAX_IDLE = 4_096  # clients without pieces that are remembered

Client = Hashable
"""The name of an API key, or a connection."""


class Entry(Generic[T]):
    """A waiting piece of work. `taken` ones wait no more, since they were popped or cancelled."""

    __slots__ = ("cost", "item", "taken")

    def __init__(self, cost: float, item: T) -> None:
        self.cost = cost
        self.item = item
        self.taken = False


class _Flow(Generic[T]):
    """A client's waiting pieces in order, and what it may spend: less than 0 where it owes."""

    __slots__ = ("begun", "deficit", "entries")

    def __init__(self) -> None:
        self.entries: deque[Entry[T]] = deque()
        self.deficit = 0.0
        self.begun = False  # whether it has gained the quantum of its turn


class DeficitRoundRobin(Generic[T]):
    """Pieces of work by client, each with its cost in seconds."""

    def __init__(self, quantum: float = QUANTUM) -> None:
        self._quantum = quantum
        self._newcomers: OrderedDict[Client, _Flow[T]] = OrderedDict()  # the next one first
        self._ring: OrderedDict[Client, _Flow[T]] = OrderedDict()
        self._lead = 0.0  # seconds that newcomers have had more than others
        self._waiting = 0

    def __len__(self) -> int:
        """The number of waiting pieces."""
        return self._waiting

    def push(self, client: Client, cost: float, item: T) -> Entry[T]:
        """Let a piece of `cost` seconds wait behind its client's other ones."""
        flow = self._flow(client)
        if flow is None:
            flow = self._newcomers[client] = _Flow()
        entry = Entry(cost, item)
        flow.entries.append(entry)
        self._waiting += 1
        return entry

    def cancel(self, entry: Entry[T]) -> None:
        """Take back a piece that waits. It costs its client nothing."""
        if not entry.taken:
            entry.taken = True
            self._waiting -= 1

    def pop(self) -> T | None:
        """Take the next piece; None where none waits."""
        passed = 0  # turns without a piece
        while self._waiting:
            is_new = bool(self._newcomers) and (self._lead <= 0.0 or not self._ring)
            client, flow = next(iter((self._newcomers if is_new else self._ring).items()))
            while flow.entries and flow.entries[0].taken:
                flow.entries.popleft()
            if flow.entries:
                if not flow.begun:
                    flow.begun = True
                    flow.deficit += self._quantum
                if flow.entries[0].cost <= flow.deficit:
                    return self._take(client, flow, is_new=is_new)
            self._end_turn(client, flow, is_new=is_new)
            passed += 1
            if passed >= len(self._ring):
                self._skip_rounds()
                passed = 0
        self._newcomers.clear()  # what they owe is owed to nobody
        self._ring.clear()
        self._lead = 0.0
        return None

    def settle(self, client: Client, seconds: float) -> None:
        """Charge a client for `seconds` more than its piece was estimated to cost; fewer where negative.

        It is never credited more than its next piece costs. Rounds in which nobody else waited are skipped,
        so it may have saved for a dear piece without waiting at all.
        """
        flow = self._flow(client)
        if flow is None and seconds > 0.0 and self._waiting:
            flow = self._ring[client] = _Flow()
            if len(self._ring) > MAX_IDLE + self._waiting:
                self._forget_idle()
        if flow is not None:
            credit = flow.entries[0].cost if flow.entries else 0.0
            flow.deficit = min(flow.deficit - seconds, max(flow.deficit, credit))

    def _flow(self, client: Client) -> _Flow[T] | None:
        flow = self._newcomers.get(client)
        return self._ring.get(client) if flow is None else flow

    def _take(self, client: Client, flow: _Flow[T], *, is_new: bool) -> T:
        entry = flow.entries.popleft()
        entry.taken = True
        self._waiting -= 1
        flow.deficit -= entry.cost
        self._lead = max(self._lead + (entry.cost if is_new else -entry.cost), -CREDIT)
        if not flow.entries:
            flow.deficit = min(flow.deficit, 0.0)
            self._to_end(client, flow, is_new=is_new)
        return entry.item

    def _end_turn(self, client: Client, flow: _Flow[T], *, is_new: bool) -> None:
        """Pass over a client that cannot pay. One without pieces pays what it owes, and leaves."""
        if not flow.entries and not is_new:
            if flow.deficit >= 0.0:
                del self._ring[client]
                return
            flow.deficit = min(flow.deficit + self._quantum, 0.0)
        self._to_end(client, flow, is_new=is_new)

    def _to_end(self, client: Client, flow: _Flow[T], *, is_new: bool) -> None:
        flow.begun = False
        if is_new:
            del self._newcomers[client]
        self._ring[client] = flow
        self._ring.move_to_end(client)

    def _skip_rounds(self) -> None:
        """Pass over the rounds in which nobody could pay."""
        flows = [*self._newcomers.values(), *self._ring.values()]
        short = min((flow.entries[0].cost - flow.deficit for flow in flows if flow.entries), default=0.0)
        skipped = (math.ceil(short / self._quantum) - 1) * self._quantum
        if skipped > 0.0:
            for flow in flows:
                flow.deficit = flow.deficit + skipped if flow.entries else min(flow.deficit + skipped, 0.0)

    def _forget_idle(self) -> None:
        for client in [client for client, flow in self._ring.items() if not flow.entries]:
            del self._ring[client]
