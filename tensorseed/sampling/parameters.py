"""A distribution as the executors take it: a formula's name, and its arguments in the draw's precision."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tensorseed.sampling.distributions import (
    Constant,
    Distribution,
    KernelCentre,
    Normal,
    Orthogonal,
    Sparse,
    TruncNormal,
    Uniform,
    Values,
    ZeroRange,
)
from tensorseed.sampling.dtypes import INT64, DType, round_nearest
from tensorseed.sampling.truncation import check_interval, near_truncation, truncation

MAX_EXACT_INTEGER = 1 << 53  # from here on float64 skips some
MAX_FINITE = {name: float(np.finfo(name).max) for name in ("float32", "float64")}
SMALLEST_NORMAL = {name: float(np.finfo(name).smallest_normal) for name in MAX_FINITE}
SIGMAS = 9.0  # farther than any normal draw reaches


class Formula(NamedTuple):
    """How elements are drawn: the name of a function of `formulas32` or `formulas64`, and its arguments.

    The words come before the arguments. Floats have the draw's precision; `lower_words` is an int.
    """

    name: str
    numbers: tuple[Any, ...]


@lru_cache(maxsize=4096)
def formula(distribution: Uniform | Normal | TruncNormal, dtype: DType) -> Formula:
    """What draws the distribution for a dtype. Raises ValueError as `check` does."""
    bits, real = (64, np.float64) if dtype.draw == "float64" else (32, np.float32)
    match distribution:
        case Uniform(low, high):
            return Formula(f"uniform{bits}", (real(low), real(high - low), real(high)))
        case Normal(mean, std):
            return Formula(f"normal{bits}", (real(mean), real(std)))
        case TruncNormal():
            near = near_truncation(distribution, dtype)
            if near is not None:
                return Formula(f"near_trunc_normal{bits}", tuple(map(real, near)))
            t = truncation(distribution, dtype)
            head, tail = (t.mean, t.std, t.low, t.high), t[5:]
            return Formula(f"trunc_normal{bits}", (*map(real, head), t.lower_words, *map(real, tail)))


def check(distribution: Distribution, dtype: DType) -> None:
    """Raise ValueError, with a sentence for the client, if the dtype cannot hold what is to be drawn.

    Literal numbers must be finite in the dtype itself, as `torch.nn.init.constant_` demands. Draws must be
    finite in the draw's precision; what they become in a narrow dtype is a matter of rounding.
    """
    match distribution:
        case ZeroRange(base):
            check(base, dtype)
        case Constant(value):
            _check_literals((value,), dtype)
        case Values(data):
            _check_literals(data, dtype)
        case _ if dtype is INT64:
            raise ValueError("an int64 tensor holds whole numbers: use zeros, ones, constant or values")
        case Uniform(low, high):
            _check_reach(max(abs(low), abs(high), high - low), dtype)
        case Normal(mean, std):
            _check_reach(abs(mean) + SIGMAS * std, dtype)
        case Sparse(std=std):
            _check_reach(SIGMAS * std, dtype)
        case Orthogonal(gain=gain) | KernelCentre(base=Orthogonal(gain=gain)):
            _check_reach(gain, dtype)
        case TruncNormal(mean, std, low, high):
            _check_reach(max(abs(mean), std, abs(low), abs(high)), dtype)
            if std < SMALLEST_NORMAL[dtype.draw]:
                raise ValueError(f"the standard deviation {std!r} underflows: choose a larger scale")
            check_interval(distribution, dtype)


def _check_literals(data: tuple[float, ...], dtype: DType) -> None:
    if dtype is INT64:
        if not all(value.is_integer() and abs(value) <= MAX_EXACT_INTEGER for value in data):
            raise ValueError("an int64 tensor holds whole numbers from -2^53 to 2^53")
        return
    farthest = max(data, key=abs, default=0.0)
    if math.isinf(round_nearest(farthest, dtype)):
        raise ValueError(f"{farthest!r} is beyond {dtype.name}'s largest value, {dtype.max!r}")


def _check_reach(reach: float, dtype: DType) -> None:
    """`reach` bounds the absolute value of every draw."""
    if not reach <= MAX_FINITE[dtype.draw]:
        raise ValueError(
            f"the values overflow {dtype.draw}, in which {dtype.name} is drawn: choose a smaller scale"
        )
