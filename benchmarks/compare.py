"""Timing in turn, as ratios round by round, against drift of speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from benchmarks.rows import SECONDS, Comparison, Scale, Target, compared

Work = Callable[[], object]
Measure = Callable[[], float]  # does its work, and answers its seconds


def seconds(work: Work) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def timed(work: Work) -> Measure:
    """The measure of a work's wall time."""
    return lambda: seconds(work)


def in_turn(sides: Mapping[str, Measure], rounds: int, warm: bool = True) -> dict[str, list[float]]:
    """The seconds of every side in every round, all sides once a round; if `warm`, after an uncounted one."""
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-1 if warm else 0, rounds):
        for name, measure in sides.items():
            value = measure()
            if number >= 0:
                samples[name].append(value)
    return samples


def compare(
    name: str,
    ours: Work,
    against: str,
    theirs: Work,
    rounds: int = 7,
    scale: Scale = SECONDS,
    target: Target | None = None,
) -> Comparison:
    """Run both in turn, after one uncounted round."""
    samples = in_turn({"ours": timed(ours), "theirs": timed(theirs)}, rounds)
    return compared(name, against, samples["ours"], samples["theirs"], scale, target)
