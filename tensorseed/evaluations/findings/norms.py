"""Norms whose weights are far from 1."""

from __future__ import annotations

from collections.abc import Iterable

from tensorseed.evaluations.findings.causes import Direction, size
from tensorseed.evaluations.findings.measurements import Measurements

NORM_RANGE = 10.0
"""The factor by which the weights of a norm may differ from 1."""


def norm_off(m: Measurements, nodes: Iterable[int], direction: Direction) -> int | None:
    """The last norm whose weights are far from 1 in this direction."""
    found = None
    for index in nodes:
        weight = m.parameter(index, "weight") if m.is_norm(index) else None
        if weight is not None:
            rms = size(weight)
            zero = rms == 0 and m.sums[index] is not None  # a branch that begins at 0
            off = rms < 1 / NORM_RANGE and not zero if direction == "larger" else rms > NORM_RANGE
            found = index if off else found
    return found
