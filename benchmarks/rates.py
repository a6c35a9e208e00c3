"""Rates of small files by wrk, against a FastAPI route of ready bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count

from benchmarks.client import wrk
from benchmarks.compare import Measure, in_turn
from benchmarks.effort import QUICK, Effort
from benchmarks.programs import missing
from benchmarks.rows import Row, Scale, Skipped, Target, compared
from benchmarks.servers import Server, plain, service

TENSOR = "/v1/weights?shape=256,784&init=kaiming_normal"
SEEDS_APART = 1_000_000  # more than one measurement asks for
SCALE = Scale("requests/s", 1.0)


def rates(effort: Effort) -> Iterator[Row]:
    """One connection and 32, one URL and a new seed for every request."""
    absent = missing("wrk")
    if absent:
        yield Skipped("requests a second of one 256×784 tensor", absent)
        return
    with service() as ours, plain() as theirs:
        yield from small_files(ours, theirs, (1, 32), effort)


def small_files(
    ours: Server, theirs: Server, connections: tuple[int, ...], effort: Effort, processes: str = ""
) -> Iterator[Row]:
    """The rows of each number of connections; `processes` ends their names."""
    for clients in connections:
        sides = _sides(ours.url(TENSOR), theirs.url("/ready"), clients, effort.seconds)
        took = in_turn(sides, max(effort.rounds, 7) if effort is not QUICK else effort.rounds)
        where = f"on {clients} keep-alive connection{'s' if clients > 1 else ''}{processes}"
        against = "a FastAPI route that returns 800 KiB ready bytes"
        for side, which, target in (
            ("again", "one URL", 0.6),
            ("new", "a new seed each", 0.9 if clients == 1 else 0.7),
        ):
            name = f"GET of a 256×784 Kaiming tensor {where}, {which}"
            yield compared(name, against, took[side], took["ready"], SCALE, Target(target))


def _sides(ours: str, ready: str, connections: int, seconds: float) -> dict[str, Measure]:
    """Seconds per request of the three sides."""
    starts = count(int(time.time()) % 1_000_000 * SEEDS_APART, SEEDS_APART)
    return {
        "again": lambda: wrk(f"{ours}&seed=42", connections, seconds),
        "new": lambda: wrk(ours, connections, seconds, next(starts)),
        "ready": lambda: wrk(ready, connections, seconds),
    }
