"""Encoders of quantised weights: from blocks of float32 to stored numbers.

Section 15 of stream v1 defines them. Weights come as they are drawn. The numbers of a transposed encoder are
stored in columns for rows: `unit` and `block` count in the stored matrix, and `encode` returns the drawn one.
All arithmetic is float32's, rounded to nearest even after every operation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.low_precision import narrow
from tensorseed.sampling.machine_code import entry_points as kernels

Floats = npt.NDArray[np.float32]
Stored = npt.NDArray[Any]  # numbers as their dtype stores them
Pair = tuple[int, int]  # of rows and columns

FLOAT8 = DTYPES["float8_e4m3fn"]
FLOAT16 = DTYPES["float16"]
FLOAT32 = DTYPES["float32"]
_BELOW_POWER = np.int32((1 << 23) - 1)  # the bits of a fraction


class Encoder(ABC):
    """What makes stored numbers of a matrix of weights."""

    is_transposed: ClassVar[bool] = False

    @property
    @abstractmethod
    def unit(self) -> Pair:
        """Rows and columns of weights in a stored number."""

    @property
    @abstractmethod
    def block(self) -> Pair:
        """Rows and columns of stored numbers that the same weights decide."""

    @abstractmethod
    def encode(self, weights: Floats) -> Stored:
        """The stored numbers of whole blocks; those at the end of the matrix may be smaller.

        The weights may be overwritten.
        """


@dataclass(frozen=True)
class Scaling:
    """The scales of blocks of weights: the largest absolute value over `top`, in `dtype`.

    With `is_power` it is rounded up to a power of two.
    """

    block: Pair
    top: float
    dtype: DType
    is_power: bool = False

    def stored(self, weights: Floats) -> Stored:
        """The scales in the storage of their dtype; 1 where a scale would be 0."""
        scales = largest(weights, self.block) / np.float32(self.top)
        return rounded(next_power(scales) if self.is_power else scales, self.dtype)

    def divided(self, weights: Floats) -> Floats:
        """The weights over the scales of their blocks, in the weights' own memory: new pages cost more."""
        kernels.divide_blocks(weights, widened(self.stored(weights), self.dtype), *self.block)
        return weights


@dataclass(frozen=True)
class Scales(Encoder):
    """The scales themselves."""

    scaling: Scaling

    @property
    def unit(self) -> Pair:
        """A block of weights."""
        return self.scaling.block

    @property
    def block(self) -> Pair:
        """One scale."""
        return 1, 1

    def encode(self, weights: Floats) -> Stored:
        """The scales of the blocks."""
        return self.scaling.stored(weights)


@dataclass(frozen=True)
class ScaledFloat8(Encoder):
    """float8_e4m3fn of the weights over their scales."""

    scaling: Scaling
    unit: Pair = (1, 1)

    @property
    def block(self) -> Pair:
        """A block of weights."""
        return self.scaling.block

    def encode(self, weights: Floats) -> Stored:
        """Rounded to nearest even; beyond 448 it saturates."""
        return float8(self.scaling.divided(weights))


@dataclass(frozen=True)
class FixedFloat8(Encoder):
    """float8_e4m3fn of the weights over one scale for all."""

    scale: float
    unit: Pair = (1, 1)
    block: Pair = (1, 1)

    def encode(self, weights: Floats) -> Stored:
        """Rounded to nearest even; beyond 448 it saturates."""
        return float8(weights / np.float32(self.scale))


@dataclass(frozen=True)
class ScaledInt8(Encoder):
    """int8 of the weights over their scales."""

    scaling: Scaling
    unit: Pair = (1, 1)

    @property
    def block(self) -> Pair:
        """A block of weights."""
        return self.scaling.block

    def encode(self, weights: Floats) -> Stored:
        """Rounded to nearest even, from -127 to 127."""
        out = np.empty(weights.shape, np.int8)
        kernels.round_int8(self.scaling.divided(weights).reshape(-1), out.reshape(-1))
        return out


def largest(weights: Floats, block: Pair) -> Floats:
    """The largest absolute value of each block."""
    (rows, columns), (height, width) = weights.shape, block
    bits = weights.view(np.int32)
    if width == 1:
        found = np.zeros((-(-rows // height), columns), np.int32)
        kernels.column_maxima(bits, height, found)
        return found.view(np.float32)
    by_row = np.empty((rows, -(-columns // width)), np.int32)
    kernels.row_maxima(bits, width, by_row)
    if height > 1:
        by_row = np.maximum.reduceat(by_row, np.arange(0, rows, height), axis=0)
    return by_row.view(np.float32)


def float8(values: Floats) -> Stored:
    """Numbers of float8_e4m3fn: nearest even, 448 at most."""
    codes = np.empty(values.size, np.uint8)
    narrow(values.reshape(-1), FLOAT8, codes)
    return codes.reshape(values.shape)


def next_power(scales: Floats) -> Floats:
    """The least power of two that is no less, at least 2⁻¹²⁶; 0 for 0."""
    bits = scales.view(np.int32)
    return ((bits + _BELOW_POWER) & ~_BELOW_POWER).view(np.float32)


def rounded(scales: Floats, dtype: DType) -> Stored:
    """Scales in the storage of their dtype; 1 where a scale would be 0."""
    stored: Stored = scales
    if dtype is not FLOAT32:
        stored = np.empty(scales.shape, dtype.storage)
        narrow(scales.reshape(-1), dtype, stored.reshape(-1))
    stored[stored == 0] = 1 if dtype is FLOAT32 else dtype.bias << dtype.mantissa_bits
    return stored


def widened(stored: Stored, dtype: DType) -> Floats:
    """Numbers of float32, float16 or bfloat16 as float32."""
    if dtype is FLOAT32:
        return stored
    if dtype is FLOAT16:
        return stored.view(np.float16).astype(np.float32)
    floats = np.empty(stored.shape, np.float32)
    kernels.widen_bfloat16(stored.reshape(-1), floats.reshape(-1))
    return floats
