"""Tensors of compressed-tensors' formats that stand for a quantised one."""

from __future__ import annotations

import numpy as np

from tensorseed.sampling.distributions import Constant
from tensorseed.sampling.distributions.encoders import ScaledFloat8, Scaling
from tensorseed.sampling.distributions.four_bit_encoders import NIBBLES, AwqGroups
from tensorseed.sampling.distributions.packed_encoders import (
    BYTES,
    FLOAT4_TOP,
    AsymmetricInt4,
    AsymmetricScales,
    AsymmetricZeros,
    Exponents,
    Nvfp4Scales,
    Nvfp4Weights,
    PackedInt8,
)
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.quantizations.stored_parts import (
    AWQ_LEVELS,
    FLOAT8_TOP,
    Matrix,
    StoredPart,
    bound_of,
    check_divides,
)

PACKED_INT8_TOP = 127.5
NVFP4_GROUP = 16
NVFP4_TOP = FLOAT8_TOP * FLOAT4_TOP
MXFP8_GROUP = 32

FLOAT32 = DTYPES["float32"]


class PackedMatrix(Matrix):
    """A matrix with the methods of compressed-tensors that pack numbers or scales."""

    def asymmetric_int4(self, group: int | None) -> list[StoredPart]:
        """int4 with a scale and a zero point for each group of inputs, or for each row."""
        outputs, inputs = self._linear(group or NIBBLES)
        group = group or self._by_row(AWQ_LEVELS / 2).block[1]
        self._check_scales(AWQ_LEVELS / 2, self.dtype)  # the range is twice the bound at most
        groups, count = AwqGroups(group, self.dtype), inputs // group
        return [
            self._part("int32", (outputs, inputs // NIBBLES), AsymmetricInt4(groups)),
            self._part(self.dtype.name, (outputs, count), AsymmetricScales(groups)),
            self._size(),
            self._part("int32", (-(-outputs // NIBBLES), count), AsymmetricZeros(groups)),
        ]

    def int8_packed(self, group: int | None) -> list[StoredPart]:
        """int8, four in an int32, with a scale for each group of inputs, or for each row."""
        outputs, inputs = self._linear(BYTES if group is None else group, BYTES)
        scaling = self._by_row(PACKED_INT8_TOP)
        if group is not None:
            scaling = Scaling((1, group), PACKED_INT8_TOP, self.dtype)
        packed = self._part("int32", (outputs, inputs // BYTES), PackedInt8(scaling))
        return [packed, self._scales(scaling), self._size()]

    def nvfp4(self) -> list[StoredPart]:
        """float4_e2m1fn with a float8 scale for each 16 inputs, and one for all from a bound."""
        outputs, inputs = self._linear(NVFP4_GROUP)
        self._check_scales(NVFP4_TOP, FLOAT32)
        bound = bound_of(self.weights, "nvfp4", "mxfp8") or NVFP4_TOP
        factor = float(np.float32(NVFP4_TOP / bound))
        scales = Nvfp4Scales(factor, NVFP4_GROUP)
        return [
            self._part("uint8", (outputs, inputs // 2), Nvfp4Weights(scales)),
            self._part("float8_e4m3fn", (outputs, inputs // NVFP4_GROUP), scales),
            StoredPart(FLOAT32, (1,), Constant(factor)),
        ]

    def mxfp8(self) -> list[StoredPart]:
        """float8_e4m3fn with an exponent for each 32 inputs."""
        *_, inputs = self.shape
        check_divides("inputs, the last dimension,", inputs, MXFP8_GROUP)
        self._check_scales(FLOAT8_TOP, FLOAT32)
        scaling = Scaling((1, MXFP8_GROUP), FLOAT8_TOP, FLOAT32, is_power=True)
        shape = (*self.shape[:-1], inputs // MXFP8_GROUP)
        stored = self._part("float8_e4m3fn", self.shape, ScaledFloat8(scaling))
        return [stored, self._part("uint8", shape, Exponents(scaling))]
