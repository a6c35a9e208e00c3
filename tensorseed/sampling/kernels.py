"""Compiled kernels: one for each transform, and the narrow roundings.

A kernel writes whole Philox blocks: `out` has four float32 or two float64 elements a block. `blocks` is the
number of the first of consecutive blocks, or an array of block numbers. `key` is (k0, k1, c2, c3). All
release the GIL. Nothing here may use fast-math: the order of every operation is part of the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numba import njit, types
from numba.extending import overload

from tensorseed.sampling.jit_target import interleaved
from tensorseed.sampling.philox import philox4x32
from tensorseed.sampling.primitives import bits_of_float32, float32_of_bits
from tensorseed.sampling.transforms32 import near_trunc_normal32, normal32, trunc_normal32, uniform32
from tensorseed.sampling.transforms64 import normal64, trunc_normal64, uniform64

kernel = interleaved(nogil=True, error_model="numpy", boundscheck=False)

_32 = np.uint64(32)


def block_at(blocks: Any, i: int) -> Any:
    """The number of the i-th block."""
    raise NotImplementedError("compiled code only")


@overload(block_at, strict=False, jit_options={"forceinline": True})
def _block_at(blocks: Any, i: Any) -> Callable[..., Any]:
    if isinstance(blocks, types.Array):
        return lambda blocks, i: np.uint64(blocks[i])
    return lambda blocks, i: np.uint64(blocks) + np.uint64(i)


@njit(forceinline=True)
def words_at(blocks: Any, i: Any, key: Any) -> Any:
    """The four words of the i-th block."""
    k0, k1, c2, c3 = key
    block = block_at(blocks, i)
    return philox4x32(np.uint32(block), np.uint32(block >> _32), c2, c3, k0, k1)


@kernel
def uniform_f32(out: Any, blocks: Any, key: Any, parameters: Any) -> None:
    """`uniform32` over `out`."""
    low, scale, high = parameters
    for i in range(out.size >> 2):
        w0, w1, w2, w3 = words_at(blocks, i, key)
        out[4 * i] = uniform32(w0, low, scale, high)
        out[4 * i + 1] = uniform32(w1, low, scale, high)
        out[4 * i + 2] = uniform32(w2, low, scale, high)
        out[4 * i + 3] = uniform32(w3, low, scale, high)


@kernel
def normal_f32(out: Any, blocks: Any, key: Any, parameters: Any) -> None:
    """`normal32` over `out`."""
    mean, std = parameters
    for i in range(out.size >> 2):
        w0, w1, w2, w3 = words_at(blocks, i, key)
        x0, x1 = normal32(w0, w1, mean, std)
        x2, x3 = normal32(w2, w3, mean, std)
        out[4 * i] = x0
        out[4 * i + 1] = x1
        out[4 * i + 2] = x2
        out[4 * i + 3] = x3


@kernel
def trunc_normal_f32(out: Any, blocks: Any, key: Any, parameters: Any) -> None:
    """`trunc_normal32` over `out`."""
    mean, std, low, high, lower_words, step, lower, upper, mass, minus_log = parameters
    for i in range(out.size >> 2):
        w0, w1, w2, w3 = words_at(blocks, i, key)
        out[4 * i] = trunc_normal32(
            w0, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
        )
        out[4 * i + 1] = trunc_normal32(
            w1, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
        )
        out[4 * i + 2] = trunc_normal32(
            w2, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
        )
        out[4 * i + 3] = trunc_normal32(
            w3, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
        )


@kernel
def near_trunc_normal_f32(out: Any, blocks: Any, key: Any, parameters: Any) -> None:
    """`near_trunc_normal32` over `out`."""
    mean, std, low, high, step, middle = parameters
    for i in range(out.size >> 2):
        w0, w1, w2, w3 = words_at(blocks, i, key)
        out[4 * i] = near_trunc_normal32(w0, mean, std, low, high, step, middle)
        out[4 * i + 1] = near_trunc_normal32(w1, mean, std, low, high, step, middle)
        out[4 * i + 2] = near_trunc_normal32(w2, mean, std, low, high, step, middle)
        out[4 * i + 3] = near_trunc_normal32(w3, mean, std, low, high, step, middle)


@kernel
def uniform_f64(out: Any, blocks: Any, key: Any, parameters: Any) -> None:
    """`uniform64` over `out`."""
    low, scale, high = parameters
    for i in range(out.size >> 1):
        w0, w1, w2, w3 = words_at(blocks, i, key)
        out[2 * i] = uniform64(w0, w1, low, scale, high)
        out[2 * i + 1] = uniform64(w2, w3, low, scale, high)


@kernel
def normal_f64(out: Any, blocks: Any, key: Any, parameters: Any) -> None:
    """`normal64` over `out`."""
    mean, std = parameters
    for i in range(out.size >> 1):
        w0, w1, w2, w3 = words_at(blocks, i, key)
        x0, x1 = normal64(w0, w1, w2, w3, mean, std)
        out[2 * i] = x0
        out[2 * i + 1] = x1


@kernel
def trunc_normal_f64(out: Any, blocks: Any, key: Any, parameters: Any) -> None:
    """`trunc_normal64` over `out`."""
    mean, std, low, high, lower_words, step, lower, upper, mass, minus_log = parameters
    for i in range(out.size >> 1):
        w0, w1, w2, w3 = words_at(blocks, i, key)
        out[2 * i] = trunc_normal64(
            w0, w1, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
        )
        out[2 * i + 1] = trunc_normal64(
            w2, w3, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
        )


@kernel
def round_bfloat16(bits: Any, out: Any) -> None:
    """float32 representations (int32) to bfloat16 ones, to nearest even."""
    for i in range(out.size):
        out[i] = (bits[i] + 0x7FFF + ((bits[i] >> 16) & 1)) >> 16


@kernel
def round_narrow(bits: Any, out: Any, layout: Any) -> None:
    """float32 representations (int32) to those of float16 or float8, to nearest even.

    Subnormal results are rounded by adding `magic`, whose last place is the format's smallest subnormal.
    """
    shift, rebias, sign_shift, sign, smallest_normal, magic, largest_code, overflow_code = layout
    half = (1 << (shift - 1)) - 1
    magic_bits = bits_of_float32(magic)
    for i in range(out.size):
        magnitude = bits[i] & 0x7FFFFFFF
        normal = ((magnitude + half + ((magnitude >> shift) & 1)) >> shift) - rebias
        normal = overflow_code if normal > largest_code else normal
        subnormal = bits_of_float32(float32_of_bits(magnitude) + magic) - magic_bits
        code = subnormal if magnitude < smallest_normal else normal
        out[i] = code | ((bits[i] >> sign_shift) & sign)


Transform = Literal[
    "uniform32",
    "normal32",
    "trunc_normal32",
    "near_trunc_normal32",
    "uniform64",
    "normal64",
    "trunc_normal64",
]
"""The functions of `transforms32` and `transforms64` that draw, by name."""

DRAWS: dict[Transform, Any] = {
    "uniform32": uniform_f32,
    "normal32": normal_f32,
    "trunc_normal32": trunc_normal_f32,
    "near_trunc_normal32": near_trunc_normal_f32,
    "uniform64": uniform_f64,
    "normal64": normal_f64,
    "trunc_normal64": trunc_normal_f64,
}
ALL = [*DRAWS.values(), round_bfloat16, round_narrow]
