"""Encoders of weights in four bits: MXFP4, GPTQ, AWQ and int4.

Section 15 of stream v1 defines them. All but int4 are transposed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions.encoders import (
    FLOAT16,
    Encoder,
    Floats,
    Pair,
    Scaling,
    Stored,
    largest,
    rounded,
    widened,
)
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.machine_code import entry_points as kernels

NIBBLES = 8  # of 4 bits in an int32
GPTQ_TOP = 7.5
GPTQ_ZERO = 8

_AWQ_ORDER = np.array((0, 2, 4, 6, 1, 3, 5, 7))  # of the outputs in the nibbles, from the lowest
_BIAS = 127  # of the exponents of float32, and of MXFP4's
_INVERSE = np.int32(2 * _BIAS)  # less a biased exponent, is that of the reciprocal
_MANTISSA_BITS = np.int32(23)
_BELOW_HALF = np.int32((1 << 22) - 1)  # of a mantissa
_LEVELS = np.float32(15)


@dataclass(frozen=True)
class Mxfp4Scales(Encoder):
    """The exponents of blocks of inputs, biased by 127."""

    is_transposed: ClassVar[bool] = True

    group: int
    block: Pair = (1, 1)

    @property
    def unit(self) -> Pair:
        """A block of weights."""
        return 1, self.group

    def encode(self, weights: Floats) -> Stored:
        """See `mxfp4_scales`."""
        return mxfp4_scales(weights, self.group).astype(np.uint8)


@dataclass(frozen=True)
class Mxfp4Blocks(Encoder):
    """float4_e2m1fn of the weights over two to the exponents of their blocks, two in a byte."""

    is_transposed: ClassVar[bool] = True

    group: int
    unit: Pair = (1, 2)

    @property
    def block(self) -> Pair:
        """The bytes of a block."""
        return 1, self.group // 2

    def encode(self, weights: Floats) -> Stored:
        """The weight of an even input is in the low nibble."""
        factors = (_INVERSE - mxfp4_scales(weights, self.group)) << _MANTISSA_BITS  # as representations
        words = np.zeros((weights.shape[0] // NIBBLES, weights.shape[1]), np.int32)
        kernels.pack_float4(weights, factors.view(np.float32), self.group, words)
        return np.ascontiguousarray(words.T, "<i4").view(np.uint8).T  # words move faster than bytes


@dataclass(frozen=True)
class GptqScales(Encoder):
    """The scales of groups of inputs."""

    is_transposed: ClassVar[bool] = True

    group: int
    block: Pair = (1, 1)

    @property
    def unit(self) -> Pair:
        """A group."""
        return self.group, 1

    def encode(self, weights: Floats) -> Stored:
        """The largest absolute value over 7.5."""
        return Scaling((1, self.group), GPTQ_TOP, FLOAT16).stored(weights)


@dataclass(frozen=True)
class GptqWeights(Encoder):
    """Nibbles of groups of inputs, eight inputs in an int32, around 8."""

    is_transposed: ClassVar[bool] = True

    group: int
    unit: Pair = (NIBBLES, 1)

    @property
    def block(self) -> Pair:
        """The numbers of a group."""
        return self.group // NIBBLES, 1

    def encode(self, weights: Floats) -> Stored:
        """The first input is in the lowest nibble."""
        return _packed_inputs(Scaling((1, self.group), GPTQ_TOP, FLOAT16).divided(weights))


@dataclass(frozen=True)
class GroupedInt4(Encoder):
    """Nibbles of groups of inputs, eight inputs in an int32, around 8, a row of them for each output."""

    scaling: Scaling
    unit: Pair = (1, NIBBLES)

    @property
    def block(self) -> Pair:
        """The numbers of a group."""
        return 1, self.scaling.block[1] // NIBBLES

    def encode(self, weights: Floats) -> Stored:
        """The first input is in the lowest nibble."""
        return _packed_inputs(self.scaling.divided(weights))


@dataclass(frozen=True)
class AwqGroups:
    """Scales and zero points of groups of inputs, from the least and the largest weight of each."""

    group: int
    dtype: DType = FLOAT16

    def of(self, weights: Floats) -> tuple[Stored, Floats]:
        """The scales in their dtype's storage, and the zero points, from 0 to 15; (outputs, groups)."""
        low: Floats = np.empty((weights.shape[0], weights.shape[1] // self.group), np.float32)
        high = np.empty_like(low)
        kernels.row_extremes(weights.view(np.int32), self.group, low.view(np.int32), high.view(np.int32))
        scales = rounded((high - low) / _LEVELS, self.dtype)
        return scales, np.clip(-np.rint(low / widened(scales, self.dtype)), 0, 15)


@dataclass(frozen=True)
class AwqScales(Encoder):
    """The scales of groups of inputs."""

    is_transposed: ClassVar[bool] = True

    groups: AwqGroups
    block: Pair = (1, 1)

    @property
    def unit(self) -> Pair:
        """A group."""
        return self.groups.group, 1

    def encode(self, weights: Floats) -> Stored:
        """See `AwqGroups`."""
        return self.groups.of(weights)[0]


@dataclass(frozen=True)
class AwqZeros(Encoder):
    """The zero points of groups of inputs, those of eight outputs in an int32."""

    is_transposed: ClassVar[bool] = True

    groups: AwqGroups
    block: Pair = (1, 1)

    @property
    def unit(self) -> Pair:
        """The groups of eight outputs."""
        return self.groups.group, NIBBLES

    def encode(self, weights: Floats) -> Stored:
        """See `AwqGroups`."""
        zeros = self.groups.of(weights)[1]
        return _packed(zeros, np.zeros_like(zeros), 1)


@dataclass(frozen=True)
class AwqWeights(Encoder):
    """Nibbles of groups of inputs, eight outputs in an int32."""

    is_transposed: ClassVar[bool] = True

    groups: AwqGroups
    unit: Pair = (1, NIBBLES)

    @property
    def block(self) -> Pair:
        """The numbers of the groups of eight outputs."""
        return self.groups.group, 1

    def encode(self, weights: Floats) -> Stored:
        """Rounded to nearest even, around the zero point, from 0 to 15."""
        scales, zeros = self.groups.of(weights)
        kernels.divide_blocks(weights, widened(scales, FLOAT16), 1, self.groups.group)
        return _packed(weights, zeros, self.groups.group)


def mxfp4_scales(weights: Floats, group: int) -> npt.NDArray[np.int32]:
    """The least exponent of two for each block of inputs, the rows, with which no weight exceeds 6, plus 127.

    It is at least 0, and 127 for a block of zeros; (blocks, outputs).
    The bound of 1.5·2ⁿ has the exponent n - 2, and a greater fraction carries.
    """
    bounds = largest(weights, (group, 1)).view(np.int32)
    found: npt.NDArray[np.int32] = np.maximum(
        ((bounds + _BELOW_HALF) >> _MANTISSA_BITS) - np.int32(2), np.int32(0)
    )
    found[bounds == 0] = _BIAS
    return found


def _packed_inputs(quotients: Floats) -> Stored:
    """Integers of eight columns each, the first in the lowest nibble, around 8."""
    out = np.empty((quotients.shape[0], quotients.shape[1] // NIBBLES), np.int32)
    kernels.pack_row_nibbles(quotients, np.float32(GPTQ_ZERO), out)
    return out


def _packed(quotients: Floats, zeros: Floats, group: int) -> Stored:
    """Integers of eight rows each, in the order of AWQ."""
    out = np.zeros((quotients.shape[0] // NIBBLES, quotients.shape[1]), np.int32)
    kernels.pack_column_nibbles(quotients, zeros, group, _AWQ_ORDER, out)
    return out
