"""Section 6: truncated normals."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

from tools.reference.normals import WORDS, Real, minus2log, named, poly

DIGITS = 120  # of mpmath; the page asks for the nearest numbers


class Interval(NamedTuple):
    """The parameters of a truncated normal."""

    mean: float
    std: float
    a: float
    b: float


def constants_of(interval: Interval, precision: str) -> dict[str, Any]:
    """The constants of the near formula or of the other, as float64 numbers and an integer."""
    mean, std = Fraction(interval.mean), Fraction(interval.std)
    alpha, beta = (z if math.isinf(z) else (Fraction(z) - mean) / std for z in (interval.a, interval.b))
    near = Fraction(129, 64)
    n = WORDS[precision]
    with mp.workdps(DIGITS):
        if precision == "float32" and -near <= alpha <= 0 <= beta <= near:
            below, above = _tail(-alpha), _tail(beta)
            step = (1 - below - above) / n
            return {"d_step": float(step), "d_middle": float((below - above + step) / 2)}
        mass, below, above = mp.mpf(1), mp.mpf(0), mp.mpf(0)
        if alpha >= 0:
            mass = _tail(alpha)
            above = _tail(beta) / mass
        elif beta <= 0:
            mass = _tail(-beta)
            below = _tail(-alpha) / mass
        else:
            below, above = _tail(-alpha), _tail(beta)
        span = 1 - below - above
        inside = alpha < 0 < beta
        lower = int(mp.nint((mp.mpf(0.5) - below) / span * n)) if inside else 0 if alpha >= 0 else n
        step = span / n
        return {
            "lower_words": lower,
            "p_step": float(step),
            "p_lower": float(below + step / 2),
            "p_upper": float(above + step / 2),
            "mass": float(mass),
            "minus_log_mass": float(-mp.log(mass)),
        }


def _tail(z: Fraction | float) -> Any:
    if isinstance(z, float):
        return mp.mpf(0)  # of infinity
    return mp.erfc(mp.mpf(z.numerator) / z.denominator / mp.sqrt(2)) / 2


def quantile(p: Real, mass: Real, minus_log_mass: Real) -> Real:
    """z with 1 − Φ(z) = p·mass."""
    precision = p.dtype.name
    f = p.dtype.type
    d = f(0.5) - p * mass
    r = np.sqrt(minus2log(p) * f(0.5) + minus_log_mass)
    wide_ = precision == "float64"
    if d <= f(0.425):
        y = f(0.180625) - d * d if wide_ else d * d
        name, top, bottom, factor = "CENTRE", 7 if wide_ else 4, 7 if wide_ else 3, d
    elif wide_:
        y, name = (r - f(1.6), "MIDDLE") if r <= f(5) else (r - f(5), "FAR")
        top, bottom, factor = 7, 7, f(1)
    else:
        y, name, top, bottom, factor = r - f(1.6), "TAIL", 5, 4, f(1)
    numerator = poly(y, named(precision, f"{name}_TOP", 0, top))
    return (factor * numerator) / poly(y, [f(1), *named(precision, f"{name}_BOTTOM", 1, bottom)])


def truncated(interval: Interval, precision: str, word: int, low: float, high: float) -> Real:
    """The value of a word, `low` and `high` being the ends within the dtype."""
    f = np.float32 if precision == "float32" else np.float64
    c = constants_of(interval, precision)
    mean, std = f(interval.mean), f(interval.std)
    if "d_step" in c:
        signed = f(word if word < 1 << 31 else word - (1 << 32))
        d = signed * f(c["d_step"]) + f(c["d_middle"])
        y = f(0.25) - d * d
        top = poly(y, named(precision, "NEAR_TOP", 0, 4))
        z = (d * top) / poly(y, [*named(precision, "NEAR_BOTTOM", 0, 3), f(1)])
    else:
        below = word < c["lower_words"]
        steps = f(word if below else WORDS[precision] - 1 - word)
        p = steps * f(c["p_step"]) + f(c["p_lower"] if below else c["p_upper"])
        z = quantile(p, f(c["mass"]), f(c["minus_log_mass"]))
        z = -z if below else z
    value = z * std + mean
    value = f(low) if value < f(low) else value
    return f(high) if value > f(high) else value
