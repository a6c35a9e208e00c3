"""Norms and learned scales whose factors are far from 1."""

from __future__ import annotations

from collections.abc import Iterable

from tensorseed.evaluations.findings.causes import Direction, size
from tensorseed.evaluations.findings.measurements import Measurements

NORM_RANGE = 10.0
"""The factor by which the weights of a norm may differ from 1."""


def norm_off(m: Measurements, nodes: Iterable[int], direction: Direction) -> int | None:
    """The last norm or LayerScale whose factors are far from 1 in this direction."""
    found = None
    for index in nodes:
        name = _factors(m, index)
        factors = None if name is None else m.parameter(index, name)
        if factors is not None:
            rms = size(factors)
            # a branch that begins at 0, or near it
            small = m.sums[index] is not None and (rms == 0 or m.is_scale(index))
            off = rms < 1 / NORM_RANGE and not small if direction == "larger" else rms > NORM_RANGE
            found = index if off else found
    return found


def _factors(m: Measurements, index: int) -> str | None:
    """The name of a layer's factors; None where it has none."""
    if m.is_scale(index):
        return "gamma"
    return "weight" if m.is_norm(index) else None


def norm_remedy(m: Measurements, index: int, direction: Direction) -> str:
    """What to change where a norm or a LayerScale is off."""
    name = m.nodes[index].name
    if not m.is_scale(index):
        return f"draw the weight of {name} by ones"
    alone = direction == "larger" and m.sums[index] is None
    return f"draw gamma of {name} by ones" + (", or put it at the end of a Residual" if alone else "")
