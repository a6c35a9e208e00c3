"""Rounding of float32 arrays to the dtypes that numpy lacks, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.machine_code.entry_points import round_bfloat16, round_narrow

BFLOAT16 = DTYPES["bfloat16"]
IN_FLOAT32, IN_BFLOAT16, IN_FLOAT16, IN_FLOAT8 = range(4)  # of layouts


@lru_cache
def layout(dtype: DType) -> tuple[Any, ...]:
    """The layout of a dtype that is drawn in float32, as `element_stores.py` takes it.

    An overflow gives infinity. float8_e4m3fn has none: it saturates, as in torch 2.13.
    """
    kinds = {
        "float32": IN_FLOAT32,
        "bfloat16": IN_BFLOAT16,
        "float16": IN_FLOAT16,
    }
    width, mantissa = 8 * dtype.itemsize, dtype.mantissa_bits
    exponent, shift = int(np.log2(dtype.max)), 23 - mantissa
    fraction = round((dtype.max / 2.0**exponent - 1) * 2**mantissa)
    max_code = ((exponent + dtype.bias) << mantissa) + fraction
    half, rebias = (1 << shift) >> 1, (127 - dtype.bias) << 23
    return (
        np.int64(kinds.get(dtype.name, IN_FLOAT8)),
        np.int64(dtype.itemsize),
        np.int32(shift),
        np.int32(1 << shift),
        np.int32(half - rebias),
        np.int32(half - 1 - rebias),
        np.int32(32 - width),
        np.int32((1 << (width - 1)) & 0xFFFF),
        np.int32((128 - dtype.bias) << 23),
        np.float32(2.0 ** (24 - dtype.bias - mantissa)),
        np.int32(max_code if dtype.name == "float8_e4m3fn" else max_code + 1),
    )


def narrow(values: npt.NDArray[np.float32], dtype: DType, out: npt.NDArray[Any]) -> None:
    """Round float32 `values` to `dtype`, to nearest even, into `out` (the dtype's storage)."""
    if dtype is BFLOAT16:
        round_bfloat16(values.view(np.int32), out)
    else:
        round_narrow(values.view(np.int32), out, layout(dtype)[2:])


def encode(values: npt.NDArray[np.float64], dtype: DType) -> npt.NDArray[Any]:
    """Literal numbers as the dtype's storage: rounded to the draw precision, then to the dtype."""
    with np.errstate(over="ignore"):
        drawn = values.astype(dtype.storage if dtype.itemsize >= 4 else np.float32)
    if dtype.itemsize >= 4:
        return drawn
    if dtype.is_integer:
        return drawn.astype(dtype.storage)
    out = np.empty(drawn.shape, dtype.storage)
    narrow(drawn, dtype, out)
    return out


def decode(stored: npt.NDArray[Any], dtype: DType) -> npt.NDArray[np.float64]:
    """The exact numbers of an array in a dtype's storage."""
    if dtype.itemsize >= 4 or dtype.is_integer:
        return stored.astype(np.float64)
    width, mantissa = 8 * dtype.itemsize, dtype.mantissa_bits
    codes = np.arange(1 << width, dtype=np.int64)
    exponent, fraction = (codes & ((1 << (width - 1)) - 1)) >> mantissa, codes & ((1 << mantissa) - 1)
    significand = np.where(exponent > 0, fraction + (1 << mantissa), fraction).astype(np.float64)
    numbers = np.ldexp(significand, np.maximum(exponent, 1) - dtype.bias - mantissa)
    top = (1 << (width - 1 - mantissa)) - 1
    if dtype.name == "float8_e4m3fn":
        numbers[(exponent == top) & (fraction == (1 << mantissa) - 1)] = np.nan
    else:
        numbers[exponent == top] = np.where(fraction[exponent == top] == 0, np.inf, np.nan)
    values: npt.NDArray[np.float64] = np.where(codes >> (width - 1) == 1, -numbers, numbers)[stored]
    return values
