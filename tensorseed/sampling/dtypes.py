"""Dtypes of weights: names, safetensors codes, formats, exact rounding.

`DTYPES` has the order of tensors inside a file. The reference writer sorts them by the declaration order of
its `Dtype` enumeration, largest first, and then by name (safetensors 0.8, `safetensors/src/tensor.rs`).

The roundings here are for parameters. Executors round elements.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

if sys.byteorder != "little":  # storage is in the machine's order, a file's data is little-endian
    raise ImportError(
        "tensorseed runs on little-endian machines only: this one is big-endian, and its files would hold "
        "swapped bytes under the right ETag"
    )

ComputeDTypeName = Literal["float64", "float32", "float16", "bfloat16"]

DTypeName = Literal[ComputeDTypeName, "float8_e4m3fn", "float8_e5m2"]

TensorDTypeName = Literal[DTypeName, "int64", "bool"]  # of a bare tensor


@dataclass(frozen=True, slots=True)
class DType:
    """One dtype. `storage` is the numpy dtype of its bits, since numpy has neither bfloat16 nor float8."""

    name: str  # torch's
    code: str  # safetensors'
    itemsize: int  # bytes
    storage: npt.DTypeLike
    draw: Literal["float64", "float32"] = "float32"  # the precision in which values are drawn
    mantissa_bits: int = 0  # stored, without the implicit one; 0 for integers and bool
    bias: int = 0  # of the exponent
    max: float = 0.0  # the largest finite value

    @property
    def is_integer(self) -> bool:
        """Whether it holds whole numbers, of which bool has 0 and 1."""
        return self.mantissa_bits == 0

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number with a full mantissa; of a floating-point dtype."""
        return 2.0 ** (1 - self.bias)

    @property
    def smallest_subnormal(self) -> float:
        """The smallest positive number; of a floating-point dtype."""
        return 2.0 ** (1 - self.bias - self.mantissa_bits)


INT64 = DType("int64", "I64", 8, np.int64)
BOOL = DType("bool", "BOOL", 1, np.bool_)
PACKED = (
    DType("int32", "I32", 4, np.int32),
    DType("int8", "I8", 1, np.int8),
    DType("uint8", "U8", 1, np.uint8),
)
"""The integers that hold quantised numbers, which no entry has as its own dtype."""

DTYPES: dict[str, DType] = {
    dtype.name: dtype
    for dtype in (
        INT64,
        DType("float64", "F64", 8, np.float64, "float64", 52, 1023, 1.7976931348623157e308),
        DType("float32", "F32", 4, np.float32, "float32", 23, 127, 3.4028234663852886e38),
        PACKED[0],
        DType("bfloat16", "BF16", 2, np.uint16, "float32", 7, 127, 3.3895313892515355e38),
        DType("float16", "F16", 2, np.uint16, "float32", 10, 15, 65504.0),
        DType("float8_e4m3fn", "F8_E4M3", 1, np.uint8, "float32", 3, 7, 448.0),
        DType("float8_e5m2", "F8_E5M2", 1, np.uint8, "float32", 2, 15, 57344.0),
        *PACKED[1:],
        BOOL,
    )
}

COMPUTE_DTYPES: tuple[ComputeDTypeName, ...] = get_args(ComputeDTypeName)
"""The floating dtypes that torch computes in. It only stores float8."""

TENSOR_DTYPES: tuple[TensorDTypeName, ...] = get_args(TensorDTypeName)
"""The dtypes that an entry can have."""

FILE_ORDER: dict[str, int] = {name: rank for rank, name in enumerate(DTYPES)}


def spacing(value: float, dtype: DType) -> float:
    """The distance between neighbouring numbers of the dtype around `value`, exactly."""
    exponent = max(math.frexp(value)[1] - 1, 1 - dtype.bias)
    return math.ldexp(1.0, exponent - dtype.mantissa_bits)


def _grid(value: float, dtype: DType) -> Fraction:
    """The same for exact arithmetic."""
    return Fraction(spacing(value, dtype))


def round_down(value: float, dtype: DType) -> float:
    """The largest finite value of the dtype that is not above `value`; −∞ if there is none."""
    if math.isinf(value):
        return min(value, dtype.max)
    grid = _grid(value, dtype)
    rounded = float(math.floor(Fraction(value) / grid) * grid)
    if rounded < -dtype.max:
        return -math.inf
    return min(rounded, dtype.max)


def round_up(value: float, dtype: DType) -> float:
    """The smallest finite value of the dtype that is not below `value`; ∞ if there is none."""
    return -round_down(-value, dtype)


def round_nearest(value: float, dtype: DType) -> float:
    """The value of the dtype nearest to `value`, ties to even mantissa; ±∞ beyond its range."""
    grid = _grid(value, dtype)
    rounded = float(round(Fraction(value) / grid) * grid)
    return rounded if abs(rounded) <= dtype.max else math.copysign(math.inf, value)
