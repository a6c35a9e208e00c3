"""Primitive operations of the transforms: tensors, scalars, vectors.

`transforms32.py` and `transforms64.py` are written once, over these, `+ - * / & ^ >>` and comparisons. Called
from Python, the functions below work on torch tensors of any device. Inside compiled code, numba replaces
each by the instruction of scalars or of vectors that its overload names. All are exactly rounded, so all give
the same bits.

`sqrt` of CPU tensors uses numpy. `torch.sqrt` on the CPU is not correctly rounded for float32: 7,470 of
1,048,576 random arguments were off by one unit in the last place. numpy's and CUDA's are correct.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from tensorseed.sampling import jit_target, vectors

jit_target.use_wide_vectors()  # before the first decorator

Number = Any  # a torch tensor, or a scalar inside compiled code


def select(condition: Number, yes: Number, no: Number) -> Number:
    """`yes` where `condition` holds, else `no`."""
    import torch

    device = condition.device
    return torch.where(condition, torch.as_tensor(yes, device=device), torch.as_tensor(no, device=device))


def sqrt(x: Number) -> Number:
    """The correctly rounded square root."""
    import torch

    return torch.from_numpy(np.sqrt(x.numpy())) if x.device.type == "cpu" else torch.sqrt(x)


def float32_of_bits(bits: Number) -> Number:
    """The float32 whose representation is `bits` (int32)."""
    import torch

    return bits.to(torch.int32).view(torch.float32)


def bits_of_float32(x: Number) -> Number:
    """The representation of a float32, as int32."""
    import torch

    return x.view(torch.int32)


def float64_of_bits(bits: Number) -> Number:
    """The float64 whose representation is `bits` (int64)."""
    import torch

    return bits.view(torch.float64)


def bits_of_float64(x: Number) -> Number:
    """The representation of a float64, as int64."""
    import torch

    return x.view(torch.int64)


def to_float32(x: Number) -> Number:
    """An integer rounded to the nearest float32, ties to even."""
    import torch

    return x.to(torch.float32)


def to_float64(x: Number) -> Number:
    """An integer rounded to the nearest float64, ties to even."""
    import torch

    return x.to(torch.float64)


def to_int32(x: Number) -> Number:
    """The low 32 bits of an integer, as a signed number."""
    import torch

    return x.to(torch.int32)


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
