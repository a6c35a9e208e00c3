"""Rows of a section: comparisons, readings, curves and missing ones."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """What a figure must reach: at least, or at most, `bound`."""

    bound: float
    maximum: bool = False

    def met(self, value: float) -> bool:
        """Whether `value` is on the right side of the bound."""
        return value <= self.bound if self.maximum else value >= self.bound


@dataclass(frozen=True)
class Scale:
    """How to tell a time: as `amount` / seconds in `unit`, or without an amount as it is, in seconds."""

    unit: str = "s"
    amount: float | None = None

    def tell(self, seconds: float) -> str:
        """`seconds` in this scale, with three digits."""
        if self.amount is not None:
            return f"{digits(self.amount / seconds)} {self.unit}"
        if seconds < 1:
            return f"{digits(seconds * 1e3)} ms"
        return f"{digits(seconds)} s"


SECONDS = Scale()


@dataclass(frozen=True)
class Comparison:
    """Medians in seconds; the median of the rounds' ratios theirs / ours, and the least and greatest."""

    name: str
    against: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    rounds: int
    scale: Scale = SECONDS
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one. One that says `maximum` is of times as long."""
        if self.target is None:
            return None
        return self.target.met(1 / self.ratio if self.target.maximum else self.ratio)


@dataclass(frozen=True)
class Reading:
    """One number."""

    name: str
    value: float
    unit: str
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        return None if self.target is None else self.target.met(self.value)


@dataclass(frozen=True)
class Skipped:
    """What was not measured, and what to do so that it is."""

    name: str
    reason: str


@dataclass(frozen=True)
class Curve:
    """How `y` grows with `x`; several lines by label, each of (x, y) points."""

    name: str
    x: str
    y: str
    lines: dict[str, list[tuple[float, float]]]


Row = Comparison | Reading | Skipped | Curve


def compared(
    name: str,
    against: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    scale: Scale = SECONDS,
    target: Target | None = None,
) -> Comparison:
    """The comparison of two sides that ran in turn, the seconds of each round."""
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return Comparison(
        name,
        against,
        statistics.median(ours),
        statistics.median(theirs),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        len(ratios),
        scale,
        target,
    )


def digits(value: float) -> str:
    """A number with three significant digits, and whole beyond a thousand."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}"
