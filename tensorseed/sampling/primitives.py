"""Primitive operations of the transforms: tensors, scalars, vectors.

`transforms32.py` and `transforms64.py` are written once, over these, `+ - * / & ^ >>` and comparisons. Called
from Python, the functions below work on torch tensors of any device. Inside compiled code, numba replaces
each by the instruction of scalars or of vectors that `overloads.py` names. All are exactly rounded, so all
give the same bits.

`sqrt` of CPU tensors uses numpy. `torch.sqrt` on the CPU is not correctly rounded for float32: 7,470 of
1,048,576 random arguments were off by one unit in the last place. numpy's and CUDA's are correct.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Number = Any  # a torch tensor, or a scalar inside compiled code

Function = Callable[..., Any]

INLINED: list[Function] = []
"""The functions that compiled code inlines as they are."""


def inlined(function: Function) -> Function:
    """Decorator of a function for compiled code as well as for tensors."""
    INLINED.append(function)
    return function


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
