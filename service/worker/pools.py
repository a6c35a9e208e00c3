"""Pool of threads for each kind of work, so that none waits for another.

Within a pool clients take turns by deficit round robin. Between pools the operating system shares the cores,
by the niceness of their threads: cheap work goes first, and dear work always gets a share.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields

from tensorseed.concurrency.cpu import NICENESS_STEP

from .fair_pool import FairPool

QUICK_THREADS = 16  # of which few run: parsing holds the interpreter's lock
QUICK_AT_ONCE = 3
SHORT_JOBS = 2
PREPARATIONS = 4  # begun at a time: each holds up to 64 MiB

CHEAP_SECONDS = 0.01  # estimated, of the longest cheap chunk
SHORT_SECONDS = 0.5  # estimated, of what waits for no longer work

_CHEAP, _DEAR = NICENESS_STEP, 2 * NICENESS_STEP


@dataclass(frozen=True, slots=True)
class Pools:
    """The pools of one application.

    Attributes:
        quick: Parsing, planning, listing, and all that is no computing. They take turns.
        chunks: Cheap chunks of files, and their hashes.
        dear_chunks: Chunks that cannot be divided into cheap ones without loss. They take turns.
        long_chunks: Those that take more than half a second. They take turns.
        preparations: Preparations of thin orthogonal matrices. They take turns.
        short_jobs: Losses and evaluations that are estimated to be short.
        evaluations: All other evaluations.
        losses: All other losses.
        torch: Files of generator torch, whose generators are global to the process.
    """

    quick: FairPool
    chunks: FairPool
    dear_chunks: FairPool
    long_chunks: FairPool
    preparations: FairPool
    short_jobs: FairPool
    evaluations: FairPool
    losses: FairPool
    torch: FairPool

    @classmethod
    def create(cls, threads: int) -> Pools:
        """The pools of a process with so many threads that compute at a time."""
        half = max(1, threads // 2)
        return cls(
            quick=FairPool("quick", QUICK_THREADS, QUICK_AT_ONCE),
            chunks=FairPool("chunk", threads, niceness=_CHEAP),
            dear_chunks=FairPool("dear-chunk", 2 * threads, threads, _DEAR),
            long_chunks=FairPool("long-chunk", 2 * threads, threads, _DEAR),
            preparations=FairPool("preparation", max(PREPARATIONS, half + 1), half, _DEAR),
            short_jobs=FairPool("short-job", SHORT_JOBS, niceness=_CHEAP),
            evaluations=FairPool("evaluation", half, niceness=_DEAR),
            losses=FairPool("loss", half, niceness=_DEAR),
            torch=FairPool("torch", 1, niceness=_DEAR),
        )

    def for_chunk(self, seconds: float) -> FairPool:
        """The pool of a chunk that is estimated to take so long."""
        if seconds <= CHEAP_SECONDS:
            return self.chunks
        return self.dear_chunks if seconds <= SHORT_SECONDS else self.long_chunks

    async def close(self) -> None:
        """Cancel what is queued and under way in all of them, and wait for the threads to end."""
        pools: list[FairPool] = [getattr(self, field.name) for field in fields(self)]
        await asyncio.gather(*(asyncio.to_thread(pool.close) for pool in pools))
