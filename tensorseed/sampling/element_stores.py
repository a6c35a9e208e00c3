"""Drawn vectors in memory, rounded to the dtype of the elements.

A `layout` has the dtype's kind, its bytes, and for float16 and float8 what `narrow_code` takes. One kernel
serves all dtypes: it branches on the kind once for many blocks, and is compiled once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tensorseed.sampling import overloads  # noqa: F401, without which nothing compiles
from tensorseed.sampling.block_vectors import store, store_in_turn
from tensorseed.sampling.low_precision import IN_BFLOAT16, IN_FLOAT16, IN_FLOAT32
from tensorseed.sampling.primitives import Number, bits_of_float32, float32_of_bits, select
from tensorseed.sampling.vectors import float16_codes, to_uint16, to_uint32

UP, DOWN = np.int32(0x8000), np.int32(0x7FFF)  # added to an odd and to an even upper half


@njit(forceinline=True)
def bfloat16_above(bits: Number) -> Number:
    """float32 representations whose upper halves are those of bfloat16, to nearest even."""
    return bits + select((bits & 0x10000) != 0, UP, DOWN)


@njit(forceinline=True)
def narrow_code(bits: Number, numbers: Any) -> Number:
    """float32 representations (int32) as those of float16 or float8, to nearest even.

    `up` and `down` round a magnitude whose last kept bit is `odd` or even, and change its exponent's bias.
    Subnormal results are rounded by adding `magic`, whose last place is the format's smallest subnormal.
    """
    shift, odd, up, down, sign_shift, sign, smallest_normal, magic, overflow = numbers
    magnitude = bits & 0x7FFFFFFF
    normal = (magnitude + select((magnitude & odd) != 0, up, down)) >> shift
    normal = select(normal > overflow, overflow, normal)
    subnormal = bits_of_float32(float32_of_bits(magnitude) + magic) - bits_of_float32(magic)
    code = select(magnitude < smallest_normal, subnormal, normal)
    return code | ((bits >> sign_shift) & sign)


@njit(forceinline=True)
def put(address: Any, first: Number, second: Number, layout: Any) -> None:
    """Write the elements of two float32 vectors in turn, from an address on."""
    kind, numbers = layout[0], layout[2:]
    if kind == IN_FLOAT32:
        store_in_turn(address, first, second)
    elif kind == IN_BFLOAT16:
        lower = to_uint32(bfloat16_above(bits_of_float32(first))) >> 16
        upper = to_uint32(bfloat16_above(bits_of_float32(second))) & 0xFFFF0000
        store(address, lower | upper)
    else:
        low = narrow_code(bits_of_float32(first), numbers)
        high = narrow_code(bits_of_float32(second), numbers)
        if kind == IN_FLOAT16:
            store(address, float16_codes(first, low) | (float16_codes(second, high) << 16))
        else:
            store(address, to_uint16(low | (high << 8)))
