"""Primitives, transforms and Philox as compiled code has them.

Every module with kernels imports this one, whose import chooses the processor's features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload, register_jitable

from tensorseed.sampling import (
    jit_target,
    transforms32,  # noqa: F401, whose functions are inlined
    transforms64,  # noqa: F401
    vectors,
)
from tensorseed.sampling.philox import (
    MULTIPLIER_0,
    MULTIPLIER_1,
    ROUNDS,
    WEYL_0,
    WEYL_1,
    philox4x32,
)
from tensorseed.sampling.primitives import (
    INLINED,
    Number,
    bits_of_float32,
    bits_of_float64,
    float32_of_bits,
    float64_of_bits,
    select,
    sqrt,
    to_float32,
    to_float64,
    to_int32,
)

jit_target.use_wide_vectors()  # before the first decorator

_M0, _M1, _W0, _W1, _32 = map(np.uint64, (MULTIPLIER_0, MULTIPLIER_1, WEYL_0, WEYL_1, 32))


def _bitcast(target: types.Type) -> Any:
    @intrinsic
    def cast(typingctx: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> ir.Value:
            return builder.bitcast(args[0], context.get_value_type(target))

        return target(value), codegen

    return cast


def _compile_as(
    primitive: Callable[..., Number],
    scalar: Callable[..., Number],
    vector: Callable[..., Number] | None = None,
) -> None:
    """Replace `primitive` inside compiled code: of scalars by `scalar`, of vectors by `vector`."""

    def implementation(*args: Any) -> Callable[..., Number] | None:
        return vector if any(isinstance(arg, vectors.Vector) for arg in args) else scalar

    overload(primitive, strict=False, jit_options={"forceinline": True})(implementation)


_as_float32, _as_int32 = _bitcast(types.float32), _bitcast(types.int32)
_as_float64, _as_int64 = _bitcast(types.float64), _bitcast(types.int64)

_compile_as(
    select,
    lambda condition, yes, no: yes if condition else no,
    lambda condition, yes, no: vectors.select(condition, yes, no),
)
_compile_as(sqrt, lambda x: math.sqrt(x), lambda x: vectors.sqrt(x))
_compile_as(float32_of_bits, lambda bits: _as_float32(np.int32(bits)), lambda bits: vectors.as_float32(bits))
_compile_as(bits_of_float32, lambda x: _as_int32(x), lambda x: vectors.as_int32(x))
_compile_as(float64_of_bits, lambda bits: _as_float64(np.int64(bits)))
_compile_as(bits_of_float64, lambda x: _as_int64(x))
_compile_as(to_float32, lambda x: np.float32(x), lambda x: vectors.to_float32(x))
_compile_as(to_float64, lambda x: np.float64(x))
_compile_as(to_int32, lambda x: np.int32(x), lambda x: vectors.to_int32(x))

for function in INLINED:
    register_jitable(forceinline=True)(function)


def _words(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """`philox4x32` of scalars in native widths: 32-bit words, 64-bit products."""
    for _ in range(ROUNDS):
        p0, p1 = np.uint64(c0) * _M0, np.uint64(c2) * _M1
        c0, c2 = np.uint32(p1 >> _32) ^ c1 ^ k0, np.uint32(p0 >> _32) ^ c3 ^ k1
        c1, c3 = np.uint32(p1), np.uint32(p0)
        k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
    return np.uint32(c0), c1, np.uint32(c2), c3


@overload(philox4x32, strict=False, jit_options={"forceinline": True})
def _philox4x32(*words: Any) -> Callable[..., Any]:
    return _words
