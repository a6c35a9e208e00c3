"""Section 11: sinusoids of positions."""

from __future__ import annotations

from typing import NamedTuple

import mpmath as mp
import numpy as np

from tools.reference.normals import CONSTANTS, Real, named, poly


class Sinusoid(NamedTuple):
    """What is between a place of the matrix and its value."""

    log_step: Real
    twos: Real
    rest: Real
    frequency: Real
    angle: Real
    quarters: Real
    x: Real
    value: Real


def sinusoid(waves: int, i: int, position: int, phase: int, timescale: float, *, endpoint: bool) -> Sinusoid:
    """The element of wave `i` of `waves` at a position: a sine for phase 0, a cosine for phase 1."""
    c = CONSTANTS["float64"]
    with mp.workdps(60):
        log_max = np.float64(float(mp.log(mp.mpf(timescale))))
    log_step = log_max / np.float64(max(waves - 1 if endpoint else waves, 1))
    power = -(np.float64(i) * log_step)
    twos = np.rint(power * c["PER_LN2"])
    rest = (power - twos * c["LN2_HIGH"]) - twos * c["LN2_LOW"]
    frequency = poly(rest, named("float64", "EXP", 0, 13)) * np.float64(2.0 ** int(twos))
    angle = np.float64(position) * frequency
    quarters = np.rint(angle * c["PER_QUARTER"])
    turn = ((angle - quarters * c["QUARTER1"]) - quarters * c["QUARTER2"]) - quarters * c["QUARTER3"]
    x = turn * c["PER_OCTANT"]
    x2 = x * x
    sine = poly(x2, named("float64", "SIN", 0, 6)) * x
    cosine = poly(x2, named("float64", "COS", 0, 6)) * x2 + 1.0
    turned = int(quarters) + phase
    value = cosine if turned % 2 else sine
    return Sinusoid(log_step, twos, rest, frequency, angle, quarters, x, -value if turned // 2 % 2 else value)
