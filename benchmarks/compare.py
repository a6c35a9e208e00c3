"""Timing one thing against another on a machine whose speed drifts: in turn, and as ratios pair by pair."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True)
class Comparison:
    """Medians in seconds, and the median of the pairs' ratios: how many times faster ours is."""

    name: str
    against: str
    ours: float
    theirs: float
    ratio: float

    def row(self) -> str:
        """A line of the table."""
        return (
            f"| {self.name} | {self.against} | {self.ours:.4f} s | {self.theirs:.4f} s | {self.ratio:.2f}× |"
        )


HEADER = "| work | against | ours | theirs | times faster |\n|---|---|---|---|---|"


def seconds(work: Work) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(name: str, ours: Work, against: str, theirs: Work, rounds: int = 7) -> Comparison:
    """Run both in turn, after one uncounted round."""
    ours()
    theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    return Comparison(
        name,
        against,
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(b / a for a, b in pairs),
    )
