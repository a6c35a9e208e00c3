"""Many Philox blocks at once: words in vectors, elements in memory.

Words are kept as the low halves of 64-bit elements, whose upper halves hold remains of products. A product of
two words needs no more, so that no round narrows or widens anything.

Of `words32` the first vector has the words 0 and 2 of each block in turn, the second the words 1 and 3. So
the elements 0 and 1, 2 and 3 of a block, which one pair of words makes, stand at the same index.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tensorseed.sampling.philox import MASK, MULTIPLIER_0, MULTIPLIER_1, ROUNDS, WEYL_0, WEYL_1
from tensorseed.sampling.vectors import Vector, shuffled, splat

BLOCKS = 32  # at once
ELEMENT_BYTES = 16 * BLOCKS  # of any dtype at most
SCRATCH_BYTES = ELEMENT_BYTES + 3 * 8 * BLOCKS  # and a number of each block, and two of each part of a step
I32, I64 = ir.IntType(32), ir.IntType(64)
WORDS = ir.VectorType(I64, BLOCKS)
NUMBERS = Vector(types.uint64, BLOCKS)
EACH = Vector(types.uint32, 2 * BLOCKS)


def _constant(number: int) -> Any:
    return ir.Constant(WORDS, [number] * BLOCKS)


@intrinsic
def consecutive(typingctx: Any, first: Any) -> Any:
    """The numbers of `BLOCKS` blocks, from a first one on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.add(splat(builder, args[0], BLOCKS), ir.Constant(WORDS, list(range(BLOCKS))))

    return NUMBERS(types.uint64), codegen


@intrinsic
def listed(typingctx: Any, address: Any) -> Any:
    """The numbers of `BLOCKS` blocks that memory lists, from an address on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], WORDS.as_pointer()), align=8)

    return NUMBERS(types.uint64), codegen


def _rounds(builder: Any, numbers: Any, key: Any) -> tuple[Any, ...]:
    """The last round's products and the words that are combined with them, and its keys.

    A round makes (p1 >> 32) ^ c1 ^ k0, p1, (p0 >> 32) ^ c3 ^ k1 and p0 of the low halves of c0 to c3.
    """
    k0, k1, c2, c3 = (builder.zext(word, I64) for word in cgutils.unpack_tuple(builder, key))
    c0, c1 = numbers, builder.lshr(numbers, _constant(32))
    c2, c3 = splat(builder, c2, BLOCKS), splat(builder, c3, BLOCKS)
    mask, upper = _constant(MASK), _constant(32)
    for number in range(ROUNDS):
        p0 = builder.mul(builder.and_(c0, mask), _constant(MULTIPLIER_0))
        p1 = builder.mul(builder.and_(c2, mask), _constant(MULTIPLIER_1))
        if number == ROUNDS - 1:
            break
        of0, of1 = splat(builder, k0, BLOCKS), splat(builder, k1, BLOCKS)
        c0 = builder.xor(builder.xor(builder.lshr(p1, upper), c1), of0)
        c2 = builder.xor(builder.xor(builder.lshr(p0, upper), c3), of1)
        c1, c3 = p1, p0
        k0 = builder.and_(builder.add(k0, ir.Constant(I64, WEYL_0)), ir.Constant(I64, MASK))
        k1 = builder.and_(builder.add(k1, ir.Constant(I64, WEYL_1)), ir.Constant(I64, MASK))
    return p0, p1, c1, c3, k0, k1


@intrinsic
def words32(typingctx: Any, numbers: Any, key: Any) -> Any:
    """The words 0 and 2 of blocks, and the words 1 and 3."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        p0, p1, c1, c3, k0, k1 = _rounds(builder, *args)
        halves = ir.VectorType(I32, 2 * BLOCKS)
        p0, p1, c1, c3 = (builder.bitcast(x, halves) for x in (p0, p1, c1, c3))
        low = [j + k * 2 * BLOCKS for j in range(0, 2 * BLOCKS, 2) for k in (0, 1)]
        high = [j + 1 for j in low]
        keys = builder.or_(k0, builder.shl(k1, ir.Constant(I64, 32)))
        keys = builder.bitcast(splat(builder, keys, BLOCKS), halves)
        mixed = builder.xor(shuffled(builder, p1, p0, high), shuffled(builder, c1, c3, low))
        pair = builder.xor(mixed, keys), shuffled(builder, p1, p0, low)
        return context.make_tuple(builder, signature.return_type, pair)

    return types.UniTuple(EACH, 2)(numbers, key), codegen


@intrinsic
def store_in_turn(typingctx: Any, address: Any, first: Any, second: Any) -> Any:
    """Write elements of two vectors in turn, from an address on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        order = [j + k * first.size for j in range(first.size) for k in (0, 1)]
        _store(builder, args[0], shuffled(builder, args[1], args[2], order), first.element.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(types.uint64, first, second), codegen


@intrinsic
def store(typingctx: Any, address: Any, vector: Any) -> Any:
    """Write a vector from an address on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _store(builder, args[0], args[1], 1)
        return context.get_dummy_value()

    return types.void(types.uint64, vector), codegen


def _store(builder: Any, address: Any, value: Any, align: int) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=align)


@intrinsic
def scratch(typingctx: Any) -> Any:
    """The address of memory of the kernel's own: `SCRATCH_BYTES`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = cgutils.alloca_once(builder, ir.ArrayType(I64, SCRATCH_BYTES // 8))
        return builder.ptrtoint(place, I64)

    return types.uint64(), codegen


@intrinsic
def number_at(typingctx: Any, address: Any, index: Any) -> Any:
    """The 64-bit integer at an index of a list in memory."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.gep(builder.inttoptr(args[0], I64.as_pointer()), [args[1]]))

    return types.int64(types.uint64, types.int64), codegen


@intrinsic
def set_number(typingctx: Any, address: Any, index: Any, number: Any) -> Any:
    """Write the 64-bit integer at an index of a list in memory."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], builder.gep(builder.inttoptr(args[0], I64.as_pointer()), [args[1]]))
        return context.get_dummy_value()

    return types.void(types.uint64, types.int64, types.int64), codegen


@intrinsic
def copy_bytes(typingctx: Any, target: Any, source: Any, count: Any) -> Any:
    """Copy bytes from one address to another; few of them by loads and stores, without a call."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def ends(width: int) -> None:
            """Copy the first and the last `width` bytes, which may overlap."""
            kind = ir.IntType(8 * width).as_pointer()
            last = builder.sub(args[2], ir.Constant(I64, width))
            places = [
                (builder.add(source, at), builder.add(target, at)) for at in (ir.Constant(I64, 0), last)
            ]
            loaded = [builder.load(builder.inttoptr(place, kind), align=1) for place, _ in places]
            for value, (_, place) in zip(loaded, places, strict=True):
                builder.store(value, builder.inttoptr(place, kind), align=1)

        def copy(widths: list[int]) -> None:
            if not widths:
                pointer = ir.IntType(8).as_pointer()
                both = [builder.inttoptr(address, pointer) for address in args[:2]]
                cgutils.raw_memcpy(builder, *both, args[2], 1)
                return
            is_short = builder.icmp_signed("<=", args[2], ir.Constant(I64, 2 * widths[0]))
            with builder.if_else(is_short) as (short, long):
                with short:
                    ends(widths[0])
                with long:
                    copy(widths[1:])

        target, source = args[:2]
        copy([1, 2, 4, 8, 16])
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint64, types.int64), codegen
