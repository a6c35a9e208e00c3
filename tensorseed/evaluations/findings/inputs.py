"""Findings on the scale of the input."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tensorseed.evaluations.findings.figures import figure
from tensorseed.evaluations.findings.measurements import Finding, Measurements

LARGE = 10.0
SMALL = 0.01
"""The √(mean of input²) beyond which the input is no signal that inits are made for."""


def find_input_scale(m: Measurements) -> Iterator[Finding]:
    """An input that is far from mean 0 and deviation 1, where no norm takes it there."""
    given = m.input
    if given is None or not given.finite or not m.learning or is_normalised_first(m):
        return
    if not given.rms:
        yield Finding(
            0, "input_scale", "every number of the input is 0: give it a mean of 0 and a deviation of 1"
        )
    elif given.rms > LARGE or given.rms < SMALL or given.is_similar:
        shifted = given.is_similar or abs(given.mean) > given.std
        detail = f"the input has the mean {figure(given.mean, 4)} and the deviation {figure(given.std, 4)}"
        how = "subtract its mean and divide it by its deviation" if shifted else "divide it by its deviation"
        yield Finding(0, "input_scale", f"{detail}, where inits expect 0 and 1: {how}")


def is_normalised_first(m: Measurements) -> bool:
    """Whether a norm stands before the first layer with a matrix, or right after it."""
    first = m.learning[0]
    return any(m.is_norm(i) and not m.nodes[i].scope for i in (*range(first), *m.span(first)))


def has_far_input(m: Measurements) -> bool:
    """Whether the input's scale explains what follows."""
    return any(math.isfinite(m.rms(-1)) for _ in find_input_scale(m))
