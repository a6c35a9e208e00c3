"""What a tensor is filled with, as resolved numbers: the seam between schemes and executors.

A scheme (`schemes.py`) turns its parameters and the tensor's fans into one of these; an executor
(`executors/`) turns one of these, a key and a range of elements into bytes. All parameters are float64;
the executors round them to the draw precision as `docs/stream-v1.md` says.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constant:
    """Every element is `value`."""

    value: float


@dataclass(frozen=True, slots=True)
class Values:
    """The elements are `data`, row-major."""

    data: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Eye:
    """One where row equals column, else zero, of a matrix with `columns` columns."""

    columns: int


@dataclass(frozen=True, slots=True)
class Uniform:
    """U[low, high): `low + u·(high − low)`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Normal:
    """N(mean, std²): `mean + z·std`."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class TruncNormal:
    """N(mean, std²) conditioned on [low, high]. `low` and `high` are values, not multiples of `std`."""

    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ZeroRange:
    """`base`, with the elements `start` to `stop` (exclusive) set to zero: an embedding's padding row."""

    base: Base
    start: int
    stop: int


Base = Constant | Values | Eye | Uniform | Normal | TruncNormal
Distribution = Base | ZeroRange
