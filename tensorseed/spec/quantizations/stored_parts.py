"""Tensors that stand for a quantised one: dtypes, shapes, numbers.

Layouts are those of published checkpoints.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import numpy as np

from tensorseed.sampling.distributions import (
    AnyDistribution,
    Constant,
    GroupIndex,
    Normal,
    Quantized,
    TruncNormal,
    Uniform,
    Values,
    ZeroRange,
)
from tensorseed.sampling.distributions.encoders import (
    FLOAT16,
    Encoder,
    FixedFloat8,
    Pair,
    ScaledFloat8,
    ScaledInt8,
    Scales,
    Scaling,
    rounded,
    widened,
)
from tensorseed.sampling.distributions.four_bit_encoders import (
    GPTQ_TOP,
    NIBBLES,
    AwqGroups,
    AwqScales,
    AwqWeights,
    AwqZeros,
    GptqScales,
    GptqWeights,
    GroupedInt4,
    Mxfp4Blocks,
    Mxfp4Scales,
)
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.spec.schemes import ArgumentError

MAX_COLUMNS = 1 << 20  # of a matrix whose rows have a scale each; a number costs the weights of its block
DEVIATIONS = 6.0  # of a normal distribution that the one scale of a tensor covers
MXFP4_GROUP = 32
MIN_SCALE_STEPS = 64  # subnormal numbers up to the largest scale, so that rounding moves one by some percent
FLOAT8_TOP = 448.0
INT8_TOP = 127.0
AWQ_LEVELS = 15.0
GPTQ_ZEROS = 0x77777777  # eight zero points of 8, each stored less one
GPTQ_V2_ZEROS = 0x88888888 - (1 << 32)  # the same as they are, in an int32

_WEIGHT = ".weight"
ENDS: dict[str, tuple[tuple[str, str], ...]] = {
    "fp8": (("", ""), ("", "_scale_inv")),
    "fp8_channel": (("", ""), ("", "_scale")),
    "fp8_tensor": (("", ""), ("", "_scale")),
    "int8": (("", ""), ("", "_scale")),
    "mxfp4": (("", "_blocks"), ("", "_scales")),
    "gptq": ((_WEIGHT, ".qweight"), (_WEIGHT, ".qzeros"), (_WEIGHT, ".scales"), (_WEIGHT, ".g_idx")),
    "awq": ((_WEIGHT, ".qweight"), (_WEIGHT, ".qzeros"), (_WEIGHT, ".scales")),
    "int4": (("", "_packed"), ("", "_scale"), ("", "_shape")),
    "fp8_block": (("", ""), ("", "_scale")),
    "int8_packed": (("", "_packed"), ("", "_scale"), ("", "_shape")),
    "nvfp4": (("", "_packed"), ("", "_scale"), ("", "_global_scale")),
    "mxfp8": (("", ""), ("", "_scale")),
}
"""By method, for each tensor that is stored: the end that the tensor's name loses, and its own."""

ZERO_POINT = ("", "_zero_point")  # behind those of int4 that is not symmetric

INT32, INT64 = DTYPES["int32"], DTYPES["int64"]

Shape = tuple[int, ...]


class StoredPart(NamedTuple):
    """A tensor that stands for a quantised one, but for its name: dtype, shape, numbers."""

    dtype: DType
    shape: Shape
    distribution: AnyDistribution


class Matrix(NamedTuple):
    """The weights of a tensor, whose last two dimensions are those of its matrices.

    A method gives the tensors that stand for it.

    Raises:
        ArgumentError: the quantisation does not take these weights; the path is from the entry.
    """

    weights: AnyDistribution
    dtype: DType
    shape: Shape

    def fp8(self, block: Pair, scale: DType, *, is_power: bool) -> list[StoredPart]:
        """float8_e4m3fn with a scale for each block, which may be a power of two."""
        self._check_scales(FLOAT8_TOP, scale)
        return self._float8(Scaling(block, FLOAT8_TOP, scale, is_power))

    def fp8_channel(self) -> list[StoredPart]:
        """float8_e4m3fn with a scale for each row."""
        return self._float8(self._by_row(FLOAT8_TOP))

    def fp8_tensor(self, dtype: DType, shape: Shape) -> list[StoredPart]:
        """float8_e4m3fn with one scale of `dtype` and `shape`, from a bound of the distribution."""
        method, other = ("fp8_tensor", "fp8_channel") if shape else ("a block_size of tensor", "two sizes")
        self._check_scales(FLOAT8_TOP, dtype)
        with np.errstate(over="ignore", under="ignore"):
            exact = np.array([bound_of(self.weights, method, other) / FLOAT8_TOP]).astype(np.float32)
        scale = float(widened(rounded(exact, dtype), dtype)[0])
        stored = self._part("float8_e4m3fn", self.shape, FixedFloat8(scale))
        return [stored, StoredPart(dtype, shape, Constant(scale))]

    def int8(self) -> list[StoredPart]:
        """int8 with a scale for each row."""
        scaling = self._by_row(INT8_TOP)
        return [self._part("int8", self.shape, ScaledInt8(scaling)), self._scales(scaling)]

    def mxfp4(self) -> list[StoredPart]:
        """float4_e2m1fn with an exponent for each block of 32 inputs; outputs come first."""
        *matrices, inputs, outputs = self.shape
        check_divides("inputs, the last dimension but one,", inputs, MXFP4_GROUP)
        scales = (*matrices, outputs, inputs // MXFP4_GROUP)
        blocks = (*scales, MXFP4_GROUP // 2)
        return [
            self._part("uint8", blocks, Mxfp4Blocks(MXFP4_GROUP)),
            self._part("uint8", scales, Mxfp4Scales(MXFP4_GROUP)),
        ]

    def gptq(self, group: int, zeros: int) -> list[StoredPart]:
        """int4 with a scale for each group of inputs, around a zero point of 8, stored as `zeros`."""
        outputs, inputs = self._packed_outputs(group)
        self._check_scales(GPTQ_TOP, FLOAT16)
        groups = inputs // group
        return [
            self._part("int32", (inputs // NIBBLES, outputs), GptqWeights(group)),
            StoredPart(INT32, (groups, outputs // NIBBLES), Constant(float(zeros))),
            self._part("float16", (groups, outputs), GptqScales(group)),
            StoredPart(INT32, (inputs,), GroupIndex(group)),
        ]

    def awq(self, group: int) -> list[StoredPart]:
        """int4 with a scale and a zero point for each group of inputs."""
        outputs, inputs = self._packed_outputs(group)
        self._check_scales(AWQ_LEVELS / 2, FLOAT16)  # the range is twice the bound at most
        groups, scales, packed = AwqGroups(group), inputs // group, outputs // NIBBLES
        return [
            self._part("int32", (inputs, packed), AwqWeights(groups)),
            self._part("int32", (scales, packed), AwqZeros(groups)),
            self._part("float16", (scales, outputs), AwqScales(groups)),
        ]

    def int4(self, group: int | None) -> list[StoredPart]:
        """int4 with a scale for each group of inputs, or row, in the dtype of the weights, and the shape."""
        outputs, inputs = self._linear(group or NIBBLES)
        self._check_scales(GPTQ_TOP, self.dtype)
        scaling = Scaling((1, group), GPTQ_TOP, self.dtype) if group else self._by_row(GPTQ_TOP)
        return [
            self._part("int32", (outputs, inputs // NIBBLES), GroupedInt4(scaling)),
            self._scales(scaling),
            self._size(),
        ]

    def _size(self) -> StoredPart:
        """The shape of the weight as a tensor of int64."""
        return StoredPart(INT64, (2,), Values(tuple(map(float, self.shape))))

    def _float8(self, scaling: Scaling) -> list[StoredPart]:
        stored = self._part("float8_e4m3fn", self.shape, ScaledFloat8(scaling))
        return [stored, self._scales(scaling)]

    def _by_row(self, top: float) -> Scaling:
        """A scale for each row, in the dtype of the weights."""
        columns = self.shape[-1]
        if columns > MAX_COLUMNS:
            detail = f"a row with a scale has at most {MAX_COLUMNS:,} weights, this one has {columns:,}"
            raise ArgumentError(("quantization",), f"{detail}: use fp8")
        self._check_scales(top, self.dtype)
        return Scaling((1, columns), top, self.dtype)

    def _check_scales(self, top: float, dtype: DType) -> None:
        """Check that `dtype` holds the scales of values up to a bound, which are 0 for zeros alone."""
        found = self.weights.magnitudes(self.shape)
        base = self.weights.base if isinstance(self.weights, ZeroRange) else self.weights
        bound = found.bound if found else abs(base.value) if isinstance(base, Constant) else 0.0
        smallest = MIN_SCALE_STEPS * dtype.smallest_subnormal * top
        max_bound = dtype.max / 4 * top
        if bound > max_bound:
            detail = f"the scales overflow {dtype.name}, as values reach {bound:.3g}"
            raise ArgumentError(("init",), f"{detail}: let them be at most {max_bound:.3g}")
        if 0 < bound < smallest:
            detail = f"the scales vanish in {dtype.name}, as values reach {bound:.3g} alone"
            raise ArgumentError(("init",), f"{detail}: let them reach {smallest:.3g}, or quantise otherwise")

    def _scales(self, scaling: Scaling) -> StoredPart:
        *matrices, rows, columns = self.shape
        height, width = scaling.block
        shape = (*matrices, -(-rows // height), -(-columns // width))
        return self._part(scaling.dtype.name, shape, Scales(scaling))

    def _part(self, dtype: str, shape: Shape, encoder: Encoder) -> StoredPart:
        """The tensor of `shape` that an encoder makes of the weights."""
        *matrices, rows, columns = self.shape
        found = Quantized(self.weights, self.dtype, math.prod(matrices), rows, columns, encoder)
        real = DTYPES[dtype]
        try:
            found.check(real)
        except ValueError as error:
            raise ArgumentError(("init",), str(error)) from None
        return StoredPart(real, shape, found)

    def _linear(self, group: int, packed: int = NIBBLES) -> Shape:
        """Outputs and inputs of a weight whose groups of inputs are packed by eights, or by `packed`."""
        if len(self.shape) != 2:
            detail = "packed numbers are of a weight of two dimensions, outputs and inputs"
            raise ArgumentError(("shape",), detail)
        outputs, inputs = self.shape
        if group % packed:
            raise ArgumentError(("quantization", "group_size"), f"group_size must be a multiple of {packed}")
        check_divides("inputs, the last dimension,", inputs, group)
        return outputs, inputs

    def _packed_outputs(self, group: int) -> Shape:
        """Outputs and inputs of a weight, of which eight outputs share a number."""
        outputs, inputs = self._linear(group)
        check_divides("outputs, the first dimension,", outputs, NIBBLES)
        return outputs, inputs


def bound_of(weights: AnyDistribution, method: str, other: str) -> float:
    """The absolute value that the one scale of a tensor covers: a bound of the distribution.

    Raises:
        ArgumentError: none is known; the message names the `method`, and what `other` to use.
    """
    match weights:
        case Constant(value):
            return abs(value)
        case Uniform(low, high):
            return max(abs(low), abs(high))
        case Normal(mean, std):
            return abs(mean) + DEVIATIONS * std
        case TruncNormal(mean, std, low, high):
            return min(abs(mean) + DEVIATIONS * std, max(abs(low), abs(high)))
        case ZeroRange():
            return bound_of(cast(AnyDistribution, weights.base), method, other)
        case _:
            detail = f"{method} has one scale for normal, uniform, trunc_normal and constant alone"
            raise ArgumentError(("quantization",), f"{detail}: use {other}")


def check_divides(what: str, size: int, divisor: int) -> None:
    if size % divisor:
        detail = f"the {what} must be a multiple of {divisor}, {size:,} is not"
        raise ArgumentError(("shape",), f"{detail}: choose another size, or another quantization")
