"""Vectors of numbers in compiled code: one instruction for many elements.

A `Vector` has the operators and primitives that `transforms32.py` uses, so the same source draws vectors of
elements. Each operation is LLVM's on every element: no fast-math, no contraction.
LLVM splits a vector into registers of any width, so every processor computes the same bits.

An integer literal beside a vector has the vector's type. `<` and `<=` of a vector and a wider scalar compare
the exact numbers, if the scalar is not below those of the vector's type. Other comparisons do not compile.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, models, register_model

I32 = ir.IntType(32)
WITH_F16C = ("x86-64-v3", "x86-64-v4")  # levels that have it without naming it


class Vector(types.Type):  # type: ignore[misc]
    """The type of a vector of a numba type."""

    def __init__(self, element: Any, size: int) -> None:
        self.element, self.size = element, size
        super().__init__(name=f"Vector({element}, {size})")

    def of(self, element: Any) -> Vector:
        """As many elements of another type."""
        return Vector(element, self.size)


@register_model(Vector)
class VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    """A value of LLVM's vector type."""

    def __init__(self, manager: Any, vector: Vector) -> None:
        element = manager.lookup(vector.element).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.size))


def splat(builder: Any, scalar: Any, size: int) -> Any:
    """A vector of equal elements."""
    vector = ir.VectorType(scalar.type, size)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(I32, 0))
    return shuffled(builder, one, one, [0] * size)


def shuffled(builder: Any, first: Any, second: Any, order: Sequence[int]) -> Any:
    """The elements at indices into two vectors behind each other."""
    mask = ir.Constant(ir.VectorType(I32, len(order)), list(order))
    return builder.shuffle_vector(first, second, mask)


@lower_cast(types.Number, Vector)
def _splat_number(context: Any, builder: Any, scalar_type: Any, vector: Any, scalar: Any) -> Any:
    if isinstance(scalar_type, types.Integer) and isinstance(vector.element, types.Integer):
        of_width = ir.IntType(vector.element.bitwidth)
        if scalar.type.width > of_width.width:
            scalar = builder.trunc(scalar, of_width)
        elif scalar.type.width < of_width.width:
            extend = builder.sext if scalar_type.signed else builder.zext
            scalar = extend(scalar, of_width)
    else:
        scalar = context.cast(builder, scalar, scalar_type, vector.element)
    return splat(builder, scalar, vector.size)


@lower_cast(Vector, Vector)
def _same_bits(context: Any, builder: Any, before: Any, after: Any, value: Any) -> Any:
    return value  # integers of one width, by the operators


Instructions = tuple[str, str, str]  # of unsigned integers, signed integers, floats

ARITHMETIC: dict[Any, Instructions] = {
    operator.add: ("add", "add", "fadd"),
    operator.sub: ("sub", "sub", "fsub"),
    operator.mul: ("mul", "mul", "fmul"),
    operator.truediv: ("", "", "fdiv"),
    operator.and_: ("and_", "and_", ""),
    operator.or_: ("or_", "or_", ""),
    operator.xor: ("xor", "xor", ""),
    operator.lshift: ("shl", "shl", ""),
    operator.rshift: ("lshr", "ashr", ""),
}
COMPARISONS = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}


def _vector(args: Sequence[Any]) -> Vector | None:
    return next((arg for arg in args if isinstance(arg, Vector)), None)


def _kind(element: Any) -> int:
    return 2 if isinstance(element, types.Float) else int(element.signed)


def _is_wider(arg: Any, vector: Vector) -> bool:
    """Whether it is a scalar that a number of the vector may not hold; literals fit."""
    if isinstance(arg, types.IntegerLiteral) or not isinstance(arg, types.Integer):
        return False
    return bool(arg.bitwidth > vector.element.bitwidth)


def _infer(operation: Any, compares: bool) -> None:
    class Inference(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, kws: Any) -> Any:
            vector = _vector(args)
            if vector is None or len(args) != 2:
                return None
            if compares and _is_wider(args[1], vector):
                is_exact = operation in (operator.lt, operator.le)
                return signature(vector.of(types.boolean), vector, types.int64) if is_exact else None
            return signature(vector.of(types.boolean) if compares else vector, vector, vector)

    infer_global(operation)(Inference)


def _lower_arithmetic(operation: Any, names: Instructions) -> None:
    @lower_builtin(operation, Vector, Vector)
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, names[_kind(sig.return_type.element)])(*args)


def _lower_comparison(operation: Any, sign: str) -> None:
    def compare(builder: Any, kind: int, left: Any, right: Any) -> Any:
        if kind == 2:
            return (builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered)(sign, left, right)
        return (builder.icmp_signed if kind else builder.icmp_unsigned)(sign, left, right)

    @lower_builtin(operation, Vector, Vector)
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return compare(builder, _kind(sig.args[0].element), *args)

    if sign not in ("<", "<="):
        return

    @lower_builtin(operation, Vector, types.Integer)
    def lower_wide(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = sig.args[0]
        narrow = builder.trunc(args[1], ir.IntType(vector.element.bitwidth))
        found = compare(builder, _kind(vector.element), args[0], splat(builder, narrow, vector.size))
        beyond = builder.icmp_signed(">", args[1], ir.Constant(ir.IntType(64), int(vector.element.maxval)))
        return builder.or_(found, splat(builder, beyond, vector.size))


for _operation, _names in ARITHMETIC.items():
    _infer(_operation, compares=False)
    _lower_arithmetic(_operation, _names)
for _operation, _sign in COMPARISONS.items():
    _infer(_operation, compares=True)
    _lower_comparison(_operation, _sign)


@infer_global(operator.neg)
class Negation(AbstractTemplate):  # type: ignore[misc]
    """−x of floats."""

    def generic(self, args: Any, kws: Any) -> Any:
        """A vector of the same type."""
        return signature(args[0], args[0]) if isinstance(args[0], Vector) else None


@lower_builtin(operator.neg, Vector)
def _negate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


@intrinsic
def select(typingctx: Any, condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where `condition` holds, else `no`."""
    vector = _vector((yes, no)) or condition.of(yes)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return vector(condition, vector, vector), codegen


@intrinsic
def sqrt(typingctx: Any, x: Any) -> Any:
    """The correctly rounded square roots."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = f"llvm.sqrt.v{x.size}f{x.element.bitwidth}"
        kind = ir.FunctionType(args[0].type, [args[0].type])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)

    return x(x), codegen


def converted(element: Any, instruction: Callable[[Any, Any], str]) -> Any:
    """A conversion of every number to a type, by the instruction for a width and its sign."""

    @intrinsic
    def convert(typingctx: Any, x: Any) -> Any:
        if instruction is not _same_width and isinstance(x.element, types.Float):
            raise TypingError(f"{x} is of floats: no conversion to {element} is written for it")
        vector = x.of(element)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, instruction(x.element, element))(args[0], context.get_value_type(vector))

        return vector(x), codegen

    return convert


def _to_float(before: Any, after: Any) -> str:
    return "sitofp" if before.signed else "uitofp"


def _to_integer(before: Any, after: Any) -> str:
    return "bitcast" if before.bitwidth == after.bitwidth else "trunc"


def _same_width(before: Any, after: Any) -> str:
    return "bitcast"


@intrinsic
def float16_codes(typingctx: Any, x: Any, otherwise: Any) -> Any:
    """float32 numbers as float16 representations (int32), to nearest even.

    Where no instruction converts them they are `otherwise`, the same by operations on integers.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not _converts_to_float16(*context.codegen().magic_tuple()):
            return args[1]
        of16 = builder.fptrunc(args[0], ir.VectorType(ir.HalfType(), x.size))
        codes = builder.bitcast(of16, ir.VectorType(ir.IntType(16), x.size))
        return builder.zext(codes, args[1].type)

    return otherwise(x, otherwise), codegen


def _converts_to_float16(triple: str, cpu: str, features: str) -> bool:
    """Whether an instruction rounds float32 to float16; else LLVM would call a function that is not there."""
    if triple.startswith("x86_64"):
        chosen = features.split(",")
        return "+f16c" in chosen or (cpu in WITH_F16C and "-f16c" not in chosen)
    return triple.startswith(("aarch64", "arm64"))


to_float32, to_int32 = converted(types.float32, _to_float), converted(types.int32, _to_integer)
to_uint32, to_uint16 = converted(types.uint32, _to_integer), converted(types.uint16, _to_integer)
as_float32, as_int32 = converted(types.float32, _same_width), converted(types.int32, _same_width)
