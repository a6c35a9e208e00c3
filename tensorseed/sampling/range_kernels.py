"""Compiled kernels that draw consecutive blocks of many tensors at once.

A call fills range after range in memory. Range i begins at the address `addresses[i]`, and has `runs[i, 0]`
runs, `runs[i, 1]` bytes apart. Each run is `counts[i]` consecutive blocks of four elements. `blocks` has the
first block of every run, range after range. The row of a range in `keys` and `arguments` is `owners[i]`.
`keys` has the four words of `philox.Key` first. `arguments` has what follows the random words, exact in
float64. `like` is any array of the elements: float32, or uint16 for bfloat16.

One call for many small tensors costs less than one for each, by more than it takes to draw them. So does one
range of many runs: what all runs share is in registers before the first of them. A bfloat16
is rounded where it is drawn, so that no float32 goes through memory. Both give the bits of `kernels.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic, overload

from tensorseed.sampling.kernels import Transform, kernel, words_at
from tensorseed.sampling.primitives import bits_of_float32
from tensorseed.sampling.transforms32 import near_trunc_normal32, normal32, trunc_normal32, uniform32

F = np.float32

_HALF, _ONE, _16 = np.int32(0x7FFF), np.int32(1), np.int32(16)


@intrinsic
def pointer(typingctx: Any, address: Any, like: Any) -> Any:
    """A pointer to the elements of `like`'s dtype at an address."""
    target = types.CPointer(like.dtype)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> ir.Value:
        return builder.inttoptr(args[0], context.get_value_type(target))

    return target(address, like), codegen


def rounded(x: Any, out: Any) -> Any:
    """A float32 as an element of `out`: itself, or rounded to bfloat16 as `kernels.round_bfloat16` does."""
    raise NotImplementedError("compiled code only")


@overload(rounded, strict=False, jit_options={"forceinline": True})
def _rounded(x: Any, out: Any) -> Callable[..., Any]:
    if isinstance(out.dtype, types.Float):
        return lambda x, out: x

    def to_bfloat16(x: Any, out: Any) -> Any:
        bits = bits_of_float32(x)
        return np.uint16((bits + _HALF + ((bits >> _16) & _ONE)) >> _16)

    return to_bfloat16


@kernel
def uniform_ranges(
    like: Any, addresses: Any, runs: Any, blocks: Any, counts: Any, owners: Any, keys: Any, arguments: Any
) -> None:
    """`uniform32` over ranges."""
    run = 0
    for t in range(addresses.size):
        k, row = keys[owners[t]], arguments[owners[t]]
        key = k[0], k[1], k[2], k[3]
        low, scale, high = F(row[0]), F(row[1]), F(row[2])
        n = counts[t]
        for r in range(runs[t, 0]):
            block = blocks[run]
            run += 1
            out = carray(pointer(addresses[t] + r * runs[t, 1], like), 4 * n)
            for i in range(n):
                w0, w1, w2, w3 = words_at(block, i, key)
                out[4 * i] = rounded(uniform32(w0, low, scale, high), out)
                out[4 * i + 1] = rounded(uniform32(w1, low, scale, high), out)
                out[4 * i + 2] = rounded(uniform32(w2, low, scale, high), out)
                out[4 * i + 3] = rounded(uniform32(w3, low, scale, high), out)


@kernel
def normal_ranges(
    like: Any, addresses: Any, runs: Any, blocks: Any, counts: Any, owners: Any, keys: Any, arguments: Any
) -> None:
    """`normal32` over ranges."""
    run = 0
    for t in range(addresses.size):
        k, row = keys[owners[t]], arguments[owners[t]]
        key = k[0], k[1], k[2], k[3]
        mean, std = F(row[0]), F(row[1])
        n = counts[t]
        for r in range(runs[t, 0]):
            block = blocks[run]
            run += 1
            out = carray(pointer(addresses[t] + r * runs[t, 1], like), 4 * n)
            for i in range(n):
                w0, w1, w2, w3 = words_at(block, i, key)
                x0, x1 = normal32(w0, w1, mean, std)
                x2, x3 = normal32(w2, w3, mean, std)
                out[4 * i] = rounded(x0, out)
                out[4 * i + 1] = rounded(x1, out)
                out[4 * i + 2] = rounded(x2, out)
                out[4 * i + 3] = rounded(x3, out)


@kernel
def trunc_normal_ranges(
    like: Any, addresses: Any, runs: Any, blocks: Any, counts: Any, owners: Any, keys: Any, arguments: Any
) -> None:
    """`trunc_normal32` over ranges."""
    run = 0
    for t in range(addresses.size):
        k, row = keys[owners[t]], arguments[owners[t]]
        key = k[0], k[1], k[2], k[3]
        mean, std, low, high, lower_words = F(row[0]), F(row[1]), F(row[2]), F(row[3]), np.int64(row[4])
        step, lower, upper, mass, minus_log = F(row[5]), F(row[6]), F(row[7]), F(row[8]), F(row[9])
        n = counts[t]
        for r in range(runs[t, 0]):
            block = blocks[run]
            run += 1
            out = carray(pointer(addresses[t] + r * runs[t, 1], like), 4 * n)
            for i in range(n):
                w0, w1, w2, w3 = words_at(block, i, key)
                x0 = trunc_normal32(
                    w0, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
                )
                x1 = trunc_normal32(
                    w1, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
                )
                x2 = trunc_normal32(
                    w2, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
                )
                x3 = trunc_normal32(
                    w3, mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
                )
                out[4 * i] = rounded(x0, out)
                out[4 * i + 1] = rounded(x1, out)
                out[4 * i + 2] = rounded(x2, out)
                out[4 * i + 3] = rounded(x3, out)


@kernel
def near_trunc_normal_ranges(
    like: Any, addresses: Any, runs: Any, blocks: Any, counts: Any, owners: Any, keys: Any, arguments: Any
) -> None:
    """`near_trunc_normal32` over ranges."""
    run = 0
    for t in range(addresses.size):
        k, row = keys[owners[t]], arguments[owners[t]]
        key = k[0], k[1], k[2], k[3]
        mean, std, low, high = F(row[0]), F(row[1]), F(row[2]), F(row[3])
        step, middle = F(row[4]), F(row[5])
        n = counts[t]
        for r in range(runs[t, 0]):
            block = blocks[run]
            run += 1
            out = carray(pointer(addresses[t] + r * runs[t, 1], like), 4 * n)
            for i in range(n):
                w0, w1, w2, w3 = words_at(block, i, key)
                out[4 * i] = rounded(near_trunc_normal32(w0, mean, std, low, high, step, middle), out)
                out[4 * i + 1] = rounded(near_trunc_normal32(w1, mean, std, low, high, step, middle), out)
                out[4 * i + 2] = rounded(near_trunc_normal32(w2, mean, std, low, high, step, middle), out)
                out[4 * i + 3] = rounded(near_trunc_normal32(w3, mean, std, low, high, step, middle), out)


@njit(nogil=True, error_model="numpy", boundscheck=False)
def copy_ranges(like: Any, targets: Any, sources: Any, counts: Any) -> None:
    """Copy `counts[i]` elements of `like`'s dtype from the address `sources[i]` to `targets[i]`."""
    for t in range(targets.size):
        out, elements = (
            carray(pointer(targets[t], like), counts[t]),
            carray(pointer(sources[t], like), counts[t]),
        )
        for i in range(counts[t]):
            out[i] = elements[i]


RANGES: dict[Transform, Any] = {
    "uniform32": uniform_ranges,
    "normal32": normal_ranges,
    "trunc_normal32": trunc_normal_ranges,
    "near_trunc_normal32": near_trunc_normal_ranges,
}
KERNELS = [*RANGES.values(), copy_ranges]
