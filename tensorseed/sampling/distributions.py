"""What a tensor is filled with, as resolved numbers: the seam between schemes and executors.

A scheme (`schemes/`) turns its parameters and the tensor's fans into one of these; an executor
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
class Sparse:
    """N(0, std²) of shape (rows, columns) with `zeros` zeros in every column, at places drawn at random."""

    rows: int
    columns: int
    zeros: int
    std: float


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """`gain` times a Haar-distributed matrix of shape (rows, columns) whose shorter side is orthonormal."""

    rows: int
    columns: int
    gain: float


@dataclass(frozen=True, slots=True)
class Dirac:
    """One where the output, counted within its group, equals the input; a matrix (out, in)."""

    columns: int
    group: int  # outputs in a group


@dataclass(frozen=True, slots=True)
class Sinusoidal:
    """Sines and cosines of positions, the rows, at `columns`/2 frequencies from 1 down to 1/`max_timescale`,
    which is the last of them where `endpoint` holds, else the one that would follow.
    """

    columns: int
    max_timescale: float
    interleaved: bool  # a cosine beside its sine, else all sines before all cosines
    endpoint: bool


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of a row-major tensor: `index = element // stride % size`."""

    stride: int
    size: int


@dataclass(frozen=True, slots=True)
class KernelCentre:
    """A convolution kernel that is the matrix `base`, (out, in), where every spatial axis is at its
    `middle`.
    """

    base: Orthogonal | Dirac
    outputs: Axis
    inputs: Axis
    spatial: tuple[Axis, ...]
    middle: tuple[int, ...]  # one index a spatial axis; elsewhere the kernel is zero


@dataclass(frozen=True, slots=True)
class ZeroRange:
    """`base`, with the elements `start` to `stop` (exclusive) set to zero: an embedding's padding row."""

    base: Base
    start: int
    stop: int


Base = (
    Constant
    | Values
    | Eye
    | Uniform
    | Normal
    | TruncNormal
    | Sparse
    | Orthogonal
    | Dirac
    | KernelCentre
    | Sinusoidal
)
Distribution = Base | ZeroRange

SIMPLE = (Constant, Uniform, Normal, TruncNormal)


def is_simple(what: Distribution) -> bool:
    """Whether each element costs a few nanoseconds by itself, whatever the tensor's shape."""
    return isinstance(what.base if isinstance(what, ZeroRange) else what, SIMPLE)
