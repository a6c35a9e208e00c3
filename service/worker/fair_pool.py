"""Threads whose time is shared fairly between clients.

Pieces of work wait for a thread in the order of deficit round robin. Where more threads are than may run at a
time, pieces take turns: one that has run for a time slice lets others go first at its next cancellation
point, keeps its thread and its memory meanwhile, and goes on where it was.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from time import perf_counter
from typing import Any, Generic, TypeVar

from tensorseed.concurrency.cancellation import Cancelled, ComputationCancelledError, cancellable
from tensorseed.concurrency.cpu import lower_priority

from .clients import CLIENT
from .scheduler import Client, DeficitRoundRobin, Entry

T = TypeVar("T")
Job = Callable[[Cancelled], T]
"""A function that may ask between its steps whether it is cancelled. `check_cancelled` asks the same."""

SLICE_SECONDS = 0.02  # that a piece runs before others go first


class Piece(Generic[T]):
    """A job of a client in a pool, and its result."""

    def __init__(self, pool: FairPool, client: Client, seconds: float, job: Job[T]) -> None:
        self.client = client
        self.seconds = seconds
        self.future: Future[T] = Future()
        self.entry: Entry[Piece[Any]] | None = None  # while it waits
        self.began: float | None = None  # its time slice
        self.charged = 0.0  # seconds of the slice that are paid for
        self.turn: threading.Event | None = None  # comes with the first slice that ends early
        self.abandoned = False
        self._pool = pool
        self._job = job
        self._context = copy_context()

    def run(self) -> None:
        """Run the job in the context of its submitter, and set the result."""
        try:
            result = self._context.run(self._cancellable)
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    def is_cancelled(self) -> bool:
        """Whether nobody wants the result. The job may wait for its turn here."""
        if not self.abandoned:
            self._pool.pause(self)
        return self.abandoned

    def _cancellable(self) -> T:
        with cancellable(self.is_cancelled):
            return self._job(self.is_cancelled)


class FairPool:
    """Runs jobs in at most `threads` threads, `at_once` of them at a time; by default all. Thread-safe.

    A client whose jobs take turns has no more than `at_once` of them begun.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        at_once: int | None = None,
        niceness: int = 0,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """The threads have `niceness` more than the thread that starts them."""
        self._name = name
        self._threads = threads
        self._at_once = threads if at_once is None else min(at_once, threads)
        self._takes_turns = self._at_once < threads
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, name, initializer=partial(lower_priority, niceness))
        self._lock = threading.Lock()
        self._waiting: DeficitRoundRobin[Piece[Any]] = DeficitRoundRobin()  # for a thread
        self._ready: DeficitRoundRobin[Piece[Any]] = DeficitRoundRobin()  # for a turn
        self._held: dict[Client, deque[Piece[Any]]] = {}  # of clients that have as many begun as they may
        self._counts: Counter[Client] = Counter()  # of pieces that are neither held nor ended
        self._begun: set[Piece[Any]] = set()  # those that have a thread
        self._running = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """The number of jobs that have not begun."""
        with self._lock:
            idle = sum(piece.began is None for piece in self._begun)
            return len(self._waiting) + idle + sum(map(len, self._held.values()))

    def start(self, job: Job[T], seconds: float) -> asyncio.Future[T]:
        """Run a job that is estimated to take `seconds`. Cancelling the future cancels the job.

        Raises:
            RuntimeError: the pool is closed.
        """
        piece = Piece(self, CLIENT.get(), seconds, job)
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the pool {self._name} is closed")
            self._enter(piece)
            next_ones = self._dispatch()
        self._begin(next_ones)
        future = asyncio.wrap_future(piece.future)
        future.add_done_callback(lambda done: self._abandon(piece) if done.cancelled() else None)
        return future

    async def run(self, job: Job[T], seconds: float) -> T:
        """The result of `start`. The job is cancelled with the awaiting task."""
        return await self.start(job, seconds)

    def pause(self, piece: Piece[Any]) -> None:
        """Let others go first where a running piece has had its time slice and others are ready."""
        if not self._takes_turns or piece.began is None or self._clock() - piece.began < SLICE_SECONDS:
            return
        with self._lock:
            self._settle(piece)
            if piece.abandoned or self._closed or not len(self._ready):
                return
            turn = piece.turn = threading.Event()
            self._wait_for_turn(piece, SLICE_SECONDS)
            self._running -= 1
            next_ones = self._dispatch()
        self._begin(next_ones)
        turn.wait()

    def close(self) -> None:
        """Cancel all jobs. Blocks until the threads have ended."""
        with self._lock:
            self._closed = True
            for held in list(self._held.values()):
                for piece in list(held):
                    self._cancel(piece)
            while (waiting := self._waiting.pop()) is not None:
                self._cancel(waiting)
            for piece in list(self._begun):
                self._cancel(piece)
        self._pool.shutdown(wait=True)

    def _enter(self, piece: Piece[Any]) -> None:
        """Let a piece wait for a thread, as soon as its client may begin another."""
        if self._takes_turns and self._counts[piece.client] >= self._at_once:
            self._held.setdefault(piece.client, deque()).append(piece)
            return
        self._counts[piece.client] += 1
        piece.entry = self._waiting.push(piece.client, piece.seconds, piece)

    def _dispatch(self) -> list[Piece[Any]]:
        """Give threads and turns to those who are next, and return those who have yet to begin."""
        given: list[Piece[Any] | None] = []
        while len(self._begun) < self._threads and (piece := self._waiting.pop()) is not None:
            self._begun.add(piece)
            if self._takes_turns:
                self._wait_for_turn(piece, min(piece.seconds, SLICE_SECONDS))
            else:
                given.append(self._give_turn(piece))
        while self._takes_turns and self._running < self._at_once:
            ready = self._ready.pop()
            if ready is None:
                break
            given.append(self._give_turn(ready))
        return [piece for piece in given if piece is not None]

    def _begin(self, pieces: list[Piece[Any]]) -> None:
        """Hand pieces to threads; without the lock, which these would wait for."""
        for piece in pieces:
            try:
                self._pool.submit(self._run, piece)
            except RuntimeError:
                if self._closed:
                    piece.future.set_exception(ComputationCancelledError())
                # Else the system has no further thread, and the pool's next free one takes the piece.

    def _wait_for_turn(self, piece: Piece[Any], seconds: float) -> None:
        piece.charged = seconds
        piece.entry = self._ready.push(piece.client, seconds, piece)

    def _give_turn(self, piece: Piece[Any]) -> Piece[Any] | None:
        """Let a piece run. One that has yet to begin is returned, unless it is cancelled."""
        piece.entry = None
        piece.began = self._clock()
        if piece.turn is not None:
            self._running += 1
            piece.turn.set()
        elif piece.future.set_running_or_notify_cancel():
            self._running += 1
            return piece
        else:
            self._forget(piece)
        return None

    def _run(self, piece: Piece[Any]) -> None:
        piece.run()
        with self._lock:
            self._settle(piece)
            self._running -= 1
            self._forget(piece)
            next_ones = self._dispatch()
        self._begin(next_ones)

    def _settle(self, piece: Piece[Any]) -> None:
        """Charge what a piece has used beyond what it has paid, and begin another slice."""
        assert piece.began is not None
        now = self._clock()
        queue, paid = (self._ready, piece.charged) if self._takes_turns else (self._waiting, piece.seconds)
        queue.settle(piece.client, now - piece.began - paid)
        piece.began, piece.charged = now, 0.0

    def _forget(self, piece: Piece[Any]) -> None:
        """Give a piece's thread to others, and let its client begin another."""
        self._begun.discard(piece)
        client = piece.client
        self._counts[client] -= 1
        if not self._counts[client]:
            del self._counts[client]
        held = self._held.get(client)
        if held and not self._closed:
            self._enter(held.popleft())
            if not held:
                del self._held[client]

    def _abandon(self, piece: Piece[Any]) -> None:
        with self._lock:
            if self._closed:
                return
            self._cancel(piece)
            next_ones = self._dispatch()
        self._begin(next_ones)

    def _cancel(self, piece: Piece[Any]) -> None:
        """Cancel a piece: it never begins, or ends at its next cancellation point, without a turn."""
        piece.abandoned = True
        if piece.began is not None:
            if piece.entry is not None:  # it is between two of its slices
                self._ready.cancel(piece.entry)
                self._give_turn(piece)
            return
        piece.future.cancel()
        held = self._held.get(piece.client, ())
        if piece in held:
            held.remove(piece)  # type: ignore[union-attr]
            if not held:
                del self._held[piece.client]
        elif piece.entry is not None:
            (self._ready if piece in self._begun else self._waiting).cancel(piece.entry)
            piece.entry = None
            self._forget(piece)
