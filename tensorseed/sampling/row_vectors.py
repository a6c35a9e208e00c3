"""Elements of rows side by side, float64 vectors in memory."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tensorseed.sampling.reflections import ROWS
from tensorseed.sampling.vectors import Vector, splat

NBYTES = 8 * ROWS
NUMBERS = Vector(types.float64, ROWS)
LLVM_NUMBERS = ir.VectorType(ir.DoubleType(), ROWS)


@intrinsic
def equal(typingctx: Any, number: Any) -> Any:
    """A number for every row."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return splat(builder, args[0], ROWS)

    return NUMBERS(types.float64), codegen


@intrinsic
def load(typingctx: Any, address: Any) -> Any:
    """The numbers at an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], LLVM_NUMBERS.as_pointer()), align=8)

    return NUMBERS(types.uint64), codegen
