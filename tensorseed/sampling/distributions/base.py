"""Interface of the distributions: elements, checks, moments and bounds.

A scheme turns its parameters and the tensor's fans into a distribution. An executor turns a distribution, a
dtype, a stream and a range of elements into bytes. All parameters are float64.

There are two kinds. A `Draw` is a formula that an executor applies to random words, on any device. A
`Structured` distribution writes its elements itself, on the CPU, by numpy or by other distributions.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.dtypes import BOOL, DTYPES, INT64, DType
from tensorseed.sampling.low_precision import encode
from tensorseed.sampling.machine_code.entry_points import Transform
from tensorseed.sampling.philox import Stream

Storage = npt.NDArray[Any]  # elements as a dtype stores them
Indices = npt.NDArray[np.int64]  # of elements in the row-major tensor
Starts = Indices | range  # of runs of consecutive elements
Numbers = npt.NDArray[np.float64]
Shape = tuple[int, ...]

GATHER_NANOSECONDS = 60.0  # to find and pick one element that is not beside the one before


class Magnitudes(NamedTuple):
    """Scale of random elements: standard deviation, and an absolute value that they hardly ever exceed."""

    std: float
    bound: float


class Formula(NamedTuple):
    """A function of `transforms32` or `transforms64` by name, and its arguments after the random words.

    Floats have the draw's precision. `lower_words` is an int.
    """

    transform: Transform
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Elements:
    """Some elements of a row-major tensor: `count` of them from `first` on, in `runs` consecutive runs.

    `span` is the number of elements from the first to the last, where runs have others between them.
    """

    first: int
    count: int
    runs: int = 1
    span: int = 0

    @property
    def stop(self) -> int:
        """The element behind the last."""
        return self.first + max(self.count, self.span)


class Preparation(Protocol):
    """A long computation that must precede the first element, and whose result is cached."""

    def __hash__(self) -> int:
        """Equal preparations have the same result."""

    @property
    def is_done(self) -> bool:
        """Whether the result is in the cache."""

    @property
    def seconds(self) -> float:
        """Estimated time on one core."""

    def run(self) -> None:
        """Compute and cache the result.

        Raises:
            ComputationCancelledError: no request waits for it any more.
        """


class Sampler(Protocol):
    """The part of an executor that structured distributions use."""

    def fill(
        self, distribution: Distribution, dtype: DType, stream: Stream, first: int, out: Storage
    ) -> None:
        """Fill `out` with the elements `first`, `first + 1`, … of the row-major tensor."""

    def gather(
        self, distribution: Distribution, dtype: DType, stream: Stream, indices: Indices, out: Storage
    ) -> None:
        """Fill `out` with the elements at `indices`, in their order."""

    def fill_runs(
        self, distribution: Distribution, dtype: DType, stream: Stream, starts: Starts, out: Storage
    ) -> None:
        """Fill each row of `out` (runs, elements) with consecutive elements, from its `starts` on."""


class BaseDistribution(ABC):
    """Facts that every distribution knows about itself."""

    @property
    def is_literal(self) -> bool:
        """Whether the spec writes the elements out, or they are 0 and 1; int64 and bool hold no others."""
        return False

    @property
    def is_zero(self) -> bool:
        """Whether every byte is known to be 0, in every dtype."""
        return False

    @property
    @abstractmethod
    def is_cheap(self) -> bool:
        """Whether an element costs a few nanoseconds, whatever the tensor's shape."""

    def check(self, dtype: DType) -> None:
        """Check that `dtype` holds the elements.

        Literal numbers must be finite in the dtype itself, as `torch.nn.init.constant_` demands. Draws must
        be finite in the draw's precision. They are then rounded to the dtype.

        Raises:
            ValueError: it does not; the message is for the client.
        """
        if dtype is INT64 and not self.is_literal:
            raise ValueError("an int64 tensor holds whole numbers: use zeros, ones, constant, values or tril")
        if dtype is BOOL and not self.is_literal:
            raise ValueError("a bool tensor holds 0 and 1: use zeros, ones, constant, values or tril")
        self.check_values(dtype)

    @abstractmethod
    def check_values(self, dtype: DType) -> None:
        """Check the range of the elements; `dtype` is INT64 or BOOL for literals only.

        Raises:
            ValueError: as `check`.
        """

    def moments(self, shape: Shape) -> tuple[float, float] | None:
        """Theoretical (mean, std) over the elements of a tensor of `shape`, before rounding to a dtype.

        The standard deviation is that of a population. None for a tensor without elements.
        """
        if 0 in shape:
            return None
        mean, variance = self.mean_and_variance(shape)
        return mean, math.sqrt(max(variance, 0.0))

    @abstractmethod
    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """The moments for a `shape` without zeros.

        These numbers are for people. They may use library functions that are banned on the way to a weight.
        """

    @abstractmethod
    def magnitudes(self, shape: Shape) -> Magnitudes | None:
        """Scale of the elements that are not zero by design; None where no element is random."""

    @abstractmethod
    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Whether all slices of a tensor of `shape` along `axis` are known to be equal."""

    def pieces(self, shape: Shape) -> Iterator[tuple[BaseDistribution, Shape]]:
        """The distributions of the tensor's parts, with their shapes; of the whole where it has no parts."""
        yield self, shape

    def preparations(self, stream: Stream, elements: Elements) -> Iterator[Preparation]:
        """The computations that must precede `elements`, done or not."""
        yield from ()

    @property
    def preparation_seconds(self) -> float:
        """Estimated time of the longest preparation on one core; 0 where there is none."""
        return 0.0

    def preparing_seconds(self, elements: Elements, *, begins: bool, longest: float = math.inf) -> float:
        """Estimated time of the preparations that count with `elements`, of up to `longest` each.

        One counts with the first element that needs it. `begins` says that none was computed before.
        """
        return self.preparation_seconds if begins and self.preparation_seconds <= longest else 0.0

    @abstractmethod
    def nanoseconds(self, dtype: DType) -> float:
        """Estimated time of one of many consecutive elements on one core."""

    def seconds(self, dtype: DType, elements: Elements) -> float:
        """Estimated time of elements on one core, after the preparation.

        Estimates are those of one processor of 2023. They order and divide work, and change no value.
        """
        gathered = GATHER_NANOSECONDS if elements.runs > 1 else 0.0
        return elements.count * (self.nanoseconds(dtype) + gathered) * 1e-9


class Draw(BaseDistribution):
    """A distribution whose elements are a formula of the stream's random words, block by block."""

    is_cheap = True

    def nanoseconds(self, dtype: DType) -> float:
        """Those of a draw in either precision, and of rounding."""
        return 2.5 if dtype.draw == "float64" else 1.2

    @abstractmethod
    def formula(self, dtype: DType) -> Formula:
        """The transform that draws for `dtype`, and its arguments.

        Raises:
            ValueError: `check` fails.
        """


class Structured(BaseDistribution):
    """A distribution that writes its elements itself."""

    @abstractmethod
    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Fill `out` with the elements `first`, `first + 1`, … of the row-major tensor."""

    @abstractmethod
    def gather(self, sampler: Sampler, dtype: DType, stream: Stream, indices: Indices, out: Storage) -> None:
        """Fill `out` with the elements at `indices`, in their order."""


class Elementwise(Structured):
    """A structured distribution that computes any elements in float64, which are then rounded."""

    is_cheap = False

    @abstractmethod
    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The elements at `indices` of the row-major tensor, in their order."""

    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Compute and round a range."""
        indices = np.arange(first, first + out.size, dtype=np.int64)
        out[:] = encode(self.elements(stream, indices), dtype)

    def gather(self, sampler: Sampler, dtype: DType, stream: Stream, indices: Indices, out: Storage) -> None:
        """Compute and round a selection."""
        out[:] = encode(self.elements(stream, indices), dtype)


Distribution = Draw | Structured


def check_bound(bound: float, dtype: DType) -> None:
    """Check that draws whose absolute value is at most `bound` are finite in the draw's precision.

    Raises:
        ValueError: they overflow.
    """
    if not bound <= DTYPES[dtype.draw].max:
        raise ValueError(
            f"the values overflow {dtype.draw}, in which {dtype.name} is drawn: choose a smaller scale"
        )


def in_draw_precision(dtype: DType, *numbers: float) -> tuple[Any, ...]:
    """`numbers` rounded to the precision in which `dtype` is drawn."""
    return tuple(map(np.float64 if dtype.draw == "float64" else np.float32, numbers))
