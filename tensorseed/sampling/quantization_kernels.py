"""Compiled kernels of quantisation: scales, quotients, packed numbers.

Matrices are C-contiguous. A maximum is one of the representations of positive floats, as int32, whose order
is that of the floats, and which compilers vectorise. Nothing here may use fast-math.
Loops run over slices, as an index that might be negative is not vectorised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tensorseed.sampling import overloads  # noqa: F401, without which nothing compiles
from tensorseed.sampling.primitives import float32_of_bits

kernel = njit(nogil=True, error_model="numpy", boundscheck=False)

_MAGNITUDE = np.int32(0x7FFFFFFF)
_ROUNDING = np.float32(12_582_912)  # 1.5·2²³: a smaller number plus this one is rounded to a whole number


@njit(forceinline=True)
def _nearest(x: Any) -> Any:
    """The whole number nearest to x, ties to even, for |x| < 2²²."""
    return (x + _ROUNDING) - _ROUNDING


@njit(forceinline=True)
def _within(x: Any, low: Any, high: Any) -> Any:
    x = low if x < low else x
    return high if x > high else x


@kernel
def widen_bfloat16(codes: Any, out: Any) -> None:
    """bfloat16 representations (uint16) as float32."""
    for i in range(out.size):
        out[i] = float32_of_bits(np.int32(codes[i]) << 16)


@kernel
def row_maxima(bits: Any, width: int, out: Any) -> None:
    """The largest absolute value of each `width` columns of each row; `out` is (rows, blocks)."""
    for i in range(bits.shape[0]):
        for j in range(out.shape[1]):
            found = np.int32(0)
            block = bits[i, j * width : (j + 1) * width]
            for k in range(block.size):
                one = block[k] & _MAGNITUDE
                found = one if one > found else found
            out[i, j] = found


@kernel
def column_maxima(bits: Any, height: int, out: Any) -> None:
    """The largest absolute value of each `height` rows of each column; `out` is (blocks, columns), zeros."""
    for i in range(bits.shape[0]):
        block = i // height
        for k in range(bits.shape[1]):
            one = bits[i, k] & _MAGNITUDE
            out[block, k] = one if one > out[block, k] else out[block, k]


@kernel
def row_extremes(bits: Any, width: int, low: Any, high: Any) -> None:
    """The least and the largest of 0 and of each `width` columns of each row, as signed representations.

    Those of negative floats have the other bits inverted, and so the order of the floats.
    """
    for i in range(bits.shape[0]):
        for j in range(low.shape[1]):
            least = greatest = np.int32(0)
            block = bits[i, j * width : (j + 1) * width]
            for k in range(block.size):
                one = block[k] ^ ((block[k] >> 31) & _MAGNITUDE)
                least = one if one < least else least
                greatest = one if one > greatest else greatest
            low[i, j] = least ^ ((least >> 31) & _MAGNITUDE)
            high[i, j] = greatest


@kernel
def divide_blocks(weights: Any, scales: Any, height: int, width: int) -> None:
    """Divide weights, where they are, by the scales of their blocks of `height` rows and `width` columns."""
    for i in range(weights.shape[0]):
        for j in range(scales.shape[1]):
            scale = scales[i // height, j]
            block = weights[i, j * width : (j + 1) * width]
            for k in range(block.size):
                block[k] = block[k] / scale


@kernel
def round_int8(values: Any, out: Any) -> None:
    """Numbers to int8, to nearest even, from -127 to 127."""
    for i in range(values.size):
        out[i] = np.int8(_nearest(_within(values[i], np.float32(-127), np.float32(127))))


@kernel
def pack_float4(weights: Any, factors: Any, height: int, out: Any) -> None:
    """Eight rows of float4_e2m1fn in an int32, the first in the lowest nibble; `out` is zeros.

    A weight is multiplied by the factor of its `height` rows of a column. Ties go to even codes.
    """
    for i in range(out.shape[0]):
        words, multipliers = out[i], factors[8 * i // height]
        for place in range(8):
            row = weights[8 * i + place]
            for k in range(row.size):
                sign = np.int32(row[k] < np.float32(0)) << np.int32(3)  # a product may be zero
                words[k] |= (_float4(abs(row[k]) * multipliers[k]) | sign) << np.int32(4 * place)


@njit(forceinline=True)
def _float4(size: Any) -> Any:
    code = np.int32(size > np.float32(0.25)) + np.int32(size >= np.float32(0.75))
    code += np.int32(size > np.float32(1.25)) + np.int32(size >= np.float32(1.75))
    code += np.int32(size > np.float32(2.5)) + np.int32(size >= np.float32(3.5))
    return np.int32(code + np.int32(size > np.float32(5)))


@kernel
def pack_row_nibbles(quotients: Any, zero: Any, out: Any) -> None:
    """Eight columns of int4 in an int32, the first in the lowest nibble, `zero` added to each."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            word = np.uint32(0)
            for k in range(8):
                number = _nearest(quotients[i, 8 * j + k]) + zero
                number = _within(number, np.float32(0), np.float32(15))
                word |= np.uint32(number) << np.uint32(4 * k)
            out[i, j] = np.int32(word)


@kernel
def pack_column_nibbles(quotients: Any, zeros: Any, width: int, order: Any, out: Any) -> None:
    """Eight rows of int4 in an int32, in the order of `order`, with the zero points of their groups."""
    for i in range(out.shape[0]):
        for place in range(8):
            row = 8 * i + order[place]
            for j in range(zeros.shape[1]):
                zero = zeros[row, j]
                block, words = (
                    quotients[row, j * width : (j + 1) * width],
                    out[i, j * width : (j + 1) * width],
                )
                for k in range(block.size):
                    number = _nearest(block[k]) + zero
                    number = _within(number, np.float32(0), np.float32(15))
                    words[k] |= np.int32(number) << np.int32(4 * place)


KERNELS = [
    widen_bfloat16,
    row_maxima,
    column_maxima,
    row_extremes,
    divide_blocks,
    round_int8,
    pack_float4,
    pack_row_nibbles,
    pack_column_nibbles,
]
