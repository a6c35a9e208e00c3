"""Encoders of the packed numbers of compressed-tensors.

They are int4 with zero points, int8, NVFP4 and MXFP8, as section 15 of stream v1 defines them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tensorseed.sampling.distributions.encoders import (
    FLOAT8,
    Encoder,
    Floats,
    Pair,
    Scaling,
    Stored,
    largest,
    rounded,
    widened,
)
from tensorseed.sampling.distributions.four_bit_encoders import GPTQ_ZERO, NIBBLES, AwqGroups
from tensorseed.sampling.low_precision import decode
from tensorseed.sampling.machine_code import entry_points as kernels

BYTES = 4  # in an int32
FLOAT4_TOP = 6.0
_FLOAT8_VALUES = decode(np.arange(256, dtype=np.uint8), FLOAT8).astype(np.float32)
_MANTISSA_BITS = np.int32(23)


@dataclass(frozen=True)
class AsymmetricScales(Encoder):
    """The scales of groups of inputs, from the least and the largest weight of each."""

    groups: AwqGroups
    block: Pair = (1, 1)

    @property
    def unit(self) -> Pair:
        """A group."""
        return 1, self.groups.group

    def encode(self, weights: Floats) -> Stored:
        """See `AwqGroups`."""
        return self.groups.of(weights)[0]


@dataclass(frozen=True)
class AsymmetricZeros(Encoder):
    """The zero points of groups of inputs: eight outputs in an int32, the first in the lowest nibble."""

    groups: AwqGroups
    block: Pair = (1, 1)

    @property
    def unit(self) -> Pair:
        """The groups of eight outputs."""
        return NIBBLES, self.groups.group

    def encode(self, weights: Floats) -> Stored:
        """See `AwqGroups`. Outputs that are missing to eight have nibbles of 0."""
        zeros = self.groups.of(weights)[1].astype(np.uint32)
        words = np.zeros((-(-zeros.shape[0] // NIBBLES), zeros.shape[1]), np.uint32)
        for place in range(NIBBLES):
            nibbles = zeros[place::NIBBLES]
            words[: nibbles.shape[0]] |= nibbles << np.uint32(4 * place)
        return words.view(np.int32)


@dataclass(frozen=True)
class AsymmetricInt4(Encoder):
    """Nibbles of groups of inputs around their zero points, eight inputs in an int32."""

    groups: AwqGroups
    unit: Pair = (1, NIBBLES)

    @property
    def block(self) -> Pair:
        """The numbers of a group."""
        return 1, self.groups.group // NIBBLES

    def encode(self, weights: Floats) -> Stored:
        """Rounded to nearest even behind the zero point; the first input is in the lowest nibble."""
        scales, zeros = self.groups.of(weights)
        kernels.divide_blocks(weights, widened(scales, self.groups.dtype), 1, self.groups.group)
        groups = weights.reshape(*zeros.shape, self.groups.group)
        groups += (zeros - GPTQ_ZERO)[..., None]
        out = np.empty((weights.shape[0], weights.shape[1] // NIBBLES), np.int32)
        kernels.pack_row_nibbles(weights, np.float32(GPTQ_ZERO), out)
        return out


@dataclass(frozen=True)
class PackedInt8(Encoder):
    """Bytes of groups of inputs, four inputs in an int32, around 128, a row of them for each output."""

    scaling: Scaling
    unit: Pair = (1, BYTES)

    @property
    def block(self) -> Pair:
        """The numbers of a group."""
        return 1, self.scaling.block[1] // BYTES

    def encode(self, weights: Floats) -> Stored:
        """Rounded to nearest even, from -128 to 127; the first input is in the lowest byte."""
        numbers = np.clip(np.rint(self.scaling.divided(weights)), -128, 127) + np.float32(128)
        return np.ascontiguousarray(numbers.astype(np.uint8)).view("<i4").astype(np.int32, copy=False)


@dataclass(frozen=True)
class Nvfp4Scales(Encoder):
    """float8_e4m3fn scales of groups of inputs, under one scale of the whole tensor."""

    factor: float
    group: int
    block: Pair = (1, 1)

    @property
    def unit(self) -> Pair:
        """A group."""
        return 1, self.group

    def encode(self, weights: Floats) -> Stored:
        """The largest absolute value over 6, times the factor; 1 where that is 0."""
        exact = np.float32(self.factor) * (largest(weights, (1, self.group)) / np.float32(FLOAT4_TOP))
        return rounded(exact, FLOAT8)


@dataclass(frozen=True)
class Nvfp4Weights(Encoder):
    """float4_e2m1fn of the weights over their scales, two inputs in a byte."""

    scales: Nvfp4Scales
    unit: Pair = (1, 2)

    @property
    def block(self) -> Pair:
        """The bytes of a group."""
        return 1, self.scales.group // 2

    def encode(self, weights: Floats) -> Stored:
        """The weight of an even input is in the low nibble."""
        scales = _FLOAT8_VALUES[self.scales.encode(weights)] / np.float32(self.scales.factor)
        kernels.divide_blocks(weights, scales, 1, self.scales.group)
        columns = np.ascontiguousarray(weights.T)
        words = np.zeros((columns.shape[0] // NIBBLES, columns.shape[1]), np.int32)
        kernels.pack_float4(columns, np.ones((1, columns.shape[1]), np.float32), columns.shape[0], words)
        return np.ascontiguousarray(words.T, "<i4").view(np.uint8)


@dataclass(frozen=True)
class Exponents(Encoder):
    """The exponents of scales that are powers of two, biased by 127."""

    scaling: Scaling
    block: Pair = (1, 1)

    @property
    def unit(self) -> Pair:
        """A block of weights."""
        return self.scaling.block

    def encode(self, weights: Floats) -> Stored:
        """Those of `Scaling`, which are float32."""
        return (self.scaling.stored(weights).view(np.int32) >> _MANTISSA_BITS).astype(np.uint8)
