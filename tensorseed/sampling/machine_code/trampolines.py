"""Trampolines from a row of numbers to compiled functions, in LLVM IR.

A kernel that numba has compiled takes an array as seven numbers or more, and a tuple element by element. Its
trampoline takes a pointer to one row of 64-bit numbers: the address and the shape of every array, whose
elements are in order; every element of a tuple; every number. It gives 0, or the status of a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import as_dtype

from tensorseed.sampling.machine_code.file import EntryPoint, MachineCode
from tensorseed.sampling.machine_code.kernel import ARRAY, FLOAT32, Kernel, array_type
from tensorseed.sampling.machine_code.symbols import undefined_symbols

WORD, DOUBLE = ir.IntType(64), ir.DoubleType()
CODES = {  # of numbers in a row, as `struct` has them
    types.boolean: "?",
    types.int32: "i",
    types.uint32: "I",
    types.int64: "q",
    types.uint64: "Q",
    types.float32: FLOAT32,
    types.float64: "d",
}


def machine_code(kernels: Iterable[Kernel], objects: dict[str, bytes]) -> MachineCode:
    """Machine code of all that numba has compiled of some kernels.

    Of functions that differ in the kinds of their numbers alone, it has the one that was compiled first.
    `objects` has the object file of each function by the function's name.
    """
    context = cpu_target.target_context
    module = ir.Module("trampolines")
    module.triple = llvm.get_process_triple()
    module.data_layout = str(context.target_data)
    code: list[bytes] = []
    entry_points: list[EntryPoint] = []
    for kernel in kernels:
        known: list[list[int | None]] = []
        for compiled in kernel.dispatcher.overloads.values():
            arguments = compiled.signature.args
            if not all(map(_is_taken, arguments)) or (kinds := [*map(_type_of, arguments)]) in known:
                continue
            known.append(kinds)
            symbol = f"{kernel.name}.{len(entry_points)}"
            _add(module, symbol, context, compiled)
            entry_points.append(EntryPoint(kernel.name, kinds, "".join(map(_codes, arguments)), symbol))
            code.append(objects[compiled.fndesc.llvm_func_name])
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True, codemodel="jitdefault")
    code.append(machine.emit_object(llvm.parse_assembly(str(module))))
    return MachineCode(code, entry_points, undefined_symbols(code))


def _is_taken(kind: Any) -> bool:
    """Whether a trampoline passes it: an array in order, a number, or a tuple of numbers."""
    if isinstance(kind, types.Array):
        return kind.layout == "C" and kind.aligned and isinstance(kind.dtype, types.Number | types.Boolean)
    return all(each in CODES for each in (kind if isinstance(kind, types.BaseTuple) else [kind]))


def _type_of(kind: Any) -> int | None:
    if isinstance(kind, types.Array):
        return array_type(as_dtype(kind.dtype).num, kind.ndim, kind.mutable)
    return len(kind) if isinstance(kind, types.BaseTuple) else None


def _codes(kind: Any) -> str:
    """The codes of the numbers of a row that an argument takes."""
    if isinstance(kind, types.Array):
        return ARRAY + "q" * int(kind.ndim)
    return "".join(map(_codes, kind)) if isinstance(kind, types.BaseTuple) else CODES[kind]


def _add(module: ir.Module, symbol: str, context: Any, compiled: Any) -> None:
    """Add the trampoline to a compiled function."""
    arguments, result = compiled.signature.args, compiled.signature.return_type
    type_ = context.call_conv.get_function_type(result, arguments)
    target = ir.Function(module, type_, compiled.fndesc.llvm_func_name)
    trampoline = ir.Function(module, ir.FunctionType(ir.IntType(32), [WORD.as_pointer()]), symbol)
    builder = ir.IRBuilder(trampoline.append_basic_block())
    (row,) = trampoline.args
    words = (builder.load(builder.gep(row, [WORD(i)])) for i in range(len("".join(map(_codes, arguments)))))
    values = [_value(context, builder, kind, words) for kind in arguments]
    status, _ = context.call_conv.call_function(builder, target, result, arguments, values)
    builder.ret(status.code)


def _value(context: Any, builder: ir.IRBuilder, kind: Any, words: Iterator[ir.Value]) -> ir.Value:
    """An argument, of the next words of a row."""
    if isinstance(kind, types.Array):
        return _array(context, builder, kind, words)
    if isinstance(kind, types.BaseTuple):
        return context.make_tuple(builder, kind, [_value(context, builder, each, words) for each in kind])
    word, wanted = next(words), context.get_value_type(kind)
    if not isinstance(kind, types.Float):
        return builder.trunc(word, wanted) if wanted.width < WORD.width else word
    number = builder.bitcast(word, DOUBLE)
    return number if wanted == DOUBLE else builder.fptrunc(number, wanted)  # exact: it is of that type


def _array(context: Any, builder: ir.IRBuilder, kind: Any, words: Iterator[ir.Value]) -> ir.Value:
    """An array in order, which nobody counts references to."""
    width = np.dtype(as_dtype(kind.dtype)).itemsize
    array = make_array(kind)(context, builder)
    address = next(words)
    shape = [next(words) for _ in range(kind.ndim)]
    strides = [WORD(width)]
    for extent in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], extent))
    populate_array(
        array,
        data=builder.inttoptr(address, array.data.type),
        shape=shape,
        strides=strides,
        itemsize=WORD(width),
        meminfo=None,
    )
    return array._getvalue()
