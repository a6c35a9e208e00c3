"""Axis scales: positions from 0 at the bottom to 1 at the top, and ticks.

Signals have a logarithmic axis with two more positions: zero below every other number, not finite above.
Losses have a linear axis where that shows them all, else a logarithmic one. Losses of both signs that are far
apart have y = sign(v) · log10(1 + |v|).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tensorseed.evaluations.plots.labels import number

ZERO, NOT_FINITE = "0", "not finite"
FAR = 2.0  # decades between positive losses from which on their axis is logarithmic
LARGE = 1_000.0  # size from which on the axis of losses of both signs is logarithmic in size
MIN_DECADES = 1.0  # decades of the axis of a signal, so that small changes look small
_MARGIN = 0.06  # of the axis, free at its ends
_MAX_TICKS = 7

Tick = tuple[float, str]  # position, label


@dataclass(frozen=True)
class Scale:
    """An axis. `place` is the position of a number; None for one without a position."""

    place: Callable[[float], float | None]
    ticks: tuple[Tick, ...]


def signal_scale(values: Iterable[float]) -> Scale:
    """The logarithmic axis of numbers from 0 on, which may be infinite or NaN."""
    numbers = list(values)
    sizes = [math.log10(value) for value in numbers if math.isfinite(value) and value > 0]
    low, high = _widened(min(sizes, default=0.0), max(sizes, default=0.0), MIN_DECADES)
    step = (high - low) * 0.15
    extra: list[tuple[float, str]] = []
    if 0.0 in numbers:
        low -= step
        extra.append((low, ZERO))
    if not all(map(math.isfinite, numbers)):
        high += step
        extra.append((high, NOT_FINITE))
    floor, ceiling = low, high
    span = _Span(low, high)

    def place(value: float) -> float:
        if not math.isfinite(value):
            return span.place(ceiling)
        return span.place(math.log10(value) if value > 0 else floor)

    ticks = [
        (at, label)
        for at, label in (_decades(low, high) if sizes else [])
        if all(abs(at - taken) > step / 2 for taken, _ in extra)
    ]
    return Scale(place, tuple((span.place(at), label) for at, label in sorted(ticks + extra)))


def loss_scale(values: Iterable[float]) -> Scale:
    """The axis of losses. A loss that is not finite has no position."""
    numbers = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(numbers), max(numbers)
    if low > 0 and math.log10(high) - math.log10(low) > FAR:
        return _transformed(numbers, math.log10, _decades)
    if max(-low, high) > LARGE and (low <= 0 or max(-low, high) > 1e300):
        return _transformed(numbers, _signed_log, _signed_decades)
    return _transformed(numbers, float, _round_numbers)


def _transformed(
    numbers: Sequence[float],
    transform: Callable[[float], float],
    ticks: Callable[[float, float], list[tuple[float, str]]],
) -> Scale:
    low, high = transform(min(numbers)), transform(max(numbers))
    low, high = _widened(low, high, max(abs(low), abs(high)) * 0.02 or 1.0)
    span = _Span(low, high)

    def place(value: float) -> float | None:
        return span.place(transform(value)) if math.isfinite(value) else None

    return Scale(place, tuple((span.place(at), label) for at, label in ticks(low, high)))


@dataclass(frozen=True)
class _Span:
    """A range of heights, and their positions with a margin at both ends."""

    low: float
    high: float

    def place(self, height: float) -> float:
        return _MARGIN + (1 - 2 * _MARGIN) * (height - self.low) / (self.high - self.low)


def _widened(low: float, high: float, least: float) -> tuple[float, float]:
    """The range, at least so wide."""
    missing = max(0.0, least - (high - low)) / 2
    return low - missing, high + missing


def _decades(low: float, high: float) -> list[tuple[float, str]]:
    """Ticks between two decimal logarithms: powers of ten, in narrow ranges also their multiples."""
    factors = (1,) if high - low > 2.5 else (1, 2, 5)
    powers = range(math.floor(low), math.ceil(high) + 1)
    stride = max(1, math.ceil((high - low) / _MAX_TICKS))
    found = [
        (power + math.log10(f), _written(f, power))
        for power in powers
        for f in factors
        if power % stride == 0
    ]
    found = [(at, label) for at, label in found if low <= at <= high]
    if len(found) > 1 or high > 300 or low < -300:
        return found
    return [(math.log10(at), label) for at, label in _round_numbers(10**low, 10**high) if at > 0]


def _signed_decades(low: float, high: float) -> list[tuple[float, str]]:
    """Ticks between two signed logarithms: zero, and powers of ten of both signs."""
    stride = max(1, math.ceil((high - low) / _MAX_TICKS))
    found = [(0.0, "0")]
    for power in range(stride, 310, stride):
        at = math.log10(1 + 10.0 ** min(power, 307))
        found += [(at, _written(1, power)), (-at, f"−{_written(1, power)}")]
    return sorted((at, label) for at, label in found if low <= at <= high)


def _round_numbers(low: float, high: float) -> list[tuple[float, str]]:
    """Ticks at multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / 5
    power = math.floor(math.log10(rough))
    factor = next(f for f in (1, 2, 5, 10) if f * 10.0**power >= rough * 0.999)
    step = factor * 10.0**power
    digits = -math.floor(math.log10(step) + 1e-9)  # after the point
    positions = [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
    size = max(abs(low), abs(high))
    if size < 1e6 and digits <= 6:
        return [(at, f"{at:.{max(0, digits)}f}".replace("-", "−")) for at in positions]
    return [(at, number(at, max(1, math.floor(math.log10(size)) + digits + 1))) for at in positions]


def _signed_log(value: float) -> float:
    return math.copysign(math.log10(1 + min(abs(value), 1e308)), value)


def _written(factor: int, power: int) -> str:
    """factor · 10^power, in full while that is short."""
    if power > 5 or power < -4:
        return f"{factor}e{power}".replace("-", "−")
    return str(factor * 10**power) if power >= 0 else f"{factor / 10**-power:.{-power}f}"
