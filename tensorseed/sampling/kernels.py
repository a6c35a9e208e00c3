"""Compiled draws: float32 vectors, float64 kernels, narrow roundings.

The `draw` functions give vectors of elements, which the kernels of `range_kernels.py` write. `numbers` are
those of the blocks. A kernel of float64 writes whole Philox blocks: `out` has two elements a block. `blocks`
is the number of the first of consecutive blocks, or an array of block numbers. `key` is (k0, k1, c2, c3).
All release the GIL. Nothing here may use fast-math: the order of every operation is part of the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

from tensorseed.sampling import overloads  # noqa: F401, without which nothing compiles
from tensorseed.sampling.block_vectors import words32
from tensorseed.sampling.element_stores import bfloat16_above, narrow_code
from tensorseed.sampling.jit_target import interleaved
from tensorseed.sampling.philox import philox4x32
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


@njit(forceinline=True)
def draw_uniform(numbers: Any, key: Any, parameters: Any) -> Any:
    """`uniform32` of many blocks: elements 0 and 2 of each, elements 1 and 3."""
    low, scale, high = parameters
    first, second = words32(numbers, key)
    return uniform32(first, low, scale, high), uniform32(second, low, scale, high)


@njit(forceinline=True)
def draw_normal(numbers: Any, key: Any, parameters: Any) -> Any:
    """`normal32` of many blocks, likewise."""
    mean, std = parameters
    first, second = words32(numbers, key)
    return normal32(first, second, mean, std)


@njit(forceinline=True)
def draw_trunc_normal(numbers: Any, key: Any, parameters: Any) -> Any:
    """`trunc_normal32` of many blocks, likewise."""
    mean, std, low, high, lower_words, step, lower, upper, mass, minus_log = parameters
    first, second = words32(numbers, key)
    return (
        trunc_normal32(first, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log),
        trunc_normal32(second, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log),
    )


@njit(forceinline=True)
def draw_near_trunc_normal(numbers: Any, key: Any, parameters: Any) -> Any:
    """`near_trunc_normal32` of many blocks, likewise."""
    mean, std, low, high, step, middle = parameters
    first, second = words32(numbers, key)
    return (
        near_trunc_normal32(first, mean, std, low, high, step, middle),
        near_trunc_normal32(second, mean, std, low, high, step, middle),
    )


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
        out[i] = bfloat16_above(bits[i]) >> 16


@kernel
def round_narrow(bits: Any, out: Any, layout: Any) -> None:
    """float32 representations (int32) to those of float16 or float8, to nearest even."""
    for i in range(out.size):
        out[i] = narrow_code(bits[i], layout)


ALL = [uniform_f64, normal_f64, trunc_normal_f64, round_bfloat16, round_narrow]
