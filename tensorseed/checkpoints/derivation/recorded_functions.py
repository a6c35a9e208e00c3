"""Recorded functions of uniform draws, and the schemes that they are."""

from __future__ import annotations

import math
from typing import Any

Step = tuple[str, float]  # an operation on the element, and its number; 0.0 where it has none
Steps = tuple[Step, ...]

MAX_STEPS = 16  # of a function
LEAST_DRAW = 2.0**-24  # of a uniform in [0, 1) above 0, whose logarithm would be infinite

FUNCTIONS = ("exp", "log", "expm1", "log1p")

INVERSE_SOFTPLUS: Step = ("inverse_softplus", 0.0)
_LOG_OF_REST: Steps = (("mul", -1.0), ("expm1", 0.0), ("mul", -1.0), ("log", 0.0))  # log(1 − exp(−y))
_LOG_OF_EXCESS: Steps = (("exp", 0.0), ("add", -1.0), ("log", 0.0))  # log(exp(y) − 1)


def extended(steps: Steps, step: Step) -> Steps | None:
    """The steps and one more, in the shortest form; None where they become too many."""
    name, number = step
    if steps and name == steps[-1][0] == "mul":
        return extended(steps[:-1], ("mul", steps[-1][1] * number))
    if steps and name == steps[-1][0] == "add":
        return extended(steps[:-1], ("add", steps[-1][1] + number))
    if step in (("mul", 1.0), ("add", 0.0)):
        return steps
    found = (*steps, step)
    if found[-len(_LOG_OF_EXCESS) :] == _LOG_OF_EXCESS:
        found = (*found[: -len(_LOG_OF_EXCESS)], INVERSE_SOFTPLUS)
    return found if len(found) <= MAX_STEPS else None


def sum_of(one: Steps, other: Steps) -> Steps | None:
    """The steps of the sum of two functions of the same draw, where that is y + log(1 − exp(−y))."""
    for y, rest in ((one, other), (other, one)):
        if rest == (*y, *_LOG_OF_REST):
            return (*y, INVERSE_SOFTPLUS)
    return None


def init_of_function(low: float, high: float, steps: Steps) -> dict[str, Any] | None:
    """The scheme of a function of U[low, high); None where no scheme is it."""
    names = tuple(name for name, _ in steps)
    if names == ("log",) and high > low >= 0:
        return {"kind": "log_of_uniform", "a": low or high * LEAST_DRAW, "b": high}
    if names == ("exp",):
        return {"kind": "log_uniform", "a": _exp(low), "b": _exp(high)}
    if names == ("exp", "inverse_softplus"):
        return {"kind": "inverse_softplus_log_uniform", "a": _exp(low), "b": _exp(high)}
    if names == ("exp", "max", "inverse_softplus"):
        a, floor = _exp(low), steps[1][1]
        init = {"kind": "inverse_softplus_log_uniform", "a": a, "b": _exp(high)}
        return {**init, "floor": floor} if floor > a else init
    if steps == (("log", 0.0), ("mul", -0.5), INVERSE_SOFTPLUS) and 0 < low < high < 1:
        return {"kind": "rg_lru", "a": low, "b": high}
    return None


def _exp(x: float) -> float:
    """exp(x), without what a logarithm's rounding added to a number of few digits."""
    value = math.exp(min(x, 700.0))
    short = float(f"{value:.12g}")
    return short if math.isclose(value, short, rel_tol=1e-14) else value
