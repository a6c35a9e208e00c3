"""Labels of a plot: short, in the font's characters, without overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence


def spread(wanted: Sequence[float], gap: float, low: float = 0.0, high: float = 1.0) -> list[float]:
    """Positions near the given ones, at least `gap` apart and between `low` and `high`, in the same order.

    Where the range is too small for that gap, they are spaced evenly.
    """
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(1, len(wanted) - 1))
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    found = [min(max(wanted[index], low), high) for index in order]
    blocks: list[list[float]] = []  # runs that touch: sum of (place - offset), and their number
    for number, place in enumerate(found):
        blocks.append([place - number * gap, 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    top = high - (len(found) - 1) * gap
    starts = [min(max(total / count, low), top) for total, count in blocks for _ in range(int(count))]
    answer = [0.0] * len(wanted)
    for number, index in enumerate(order):
        answer[index] = starts[number] + number * gap
    return answer


def number(value: float, digits: int = 3) -> str:
    """A number in a few digits."""
    if not math.isfinite(value):
        return "not finite"
    mantissa, _, power = f"{value:.{digits}g}".partition("e")
    text = f"{mantissa}e{int(power)}" if power else mantissa
    return text.replace("-", "−")
