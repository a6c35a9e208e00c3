"""Kernels of vectors: the bits of scalars, and nothing fused."""

from __future__ import annotations

import re
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt
import pytest
from numba import njit, types
from numba.core.codegen import CPUCodeLibrary
from numba.core.errors import TypingError

from tensorseed.sampling.block_vectors import BLOCKS
from tensorseed.sampling.distributions import Distribution, Draw, Uniform
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.executors import numba_cache
from tensorseed.sampling.executors.base import formula
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.kernels import words_at
from tensorseed.sampling.low_precision import layout, narrow
from tensorseed.sampling.philox import Stream
from tensorseed.sampling.range_kernels import drawing, normal_ranges
from tensorseed.sampling.transforms32 import near_trunc_normal32, normal32, trunc_normal32, uniform32
from tensorseed.sampling.vectors import Vector, to_int32
from tests.tensorseed.draws import DRAWN, FLOATS, bits
from tests.tensorseed.sampling.compilers import compile_by_numba

FLOAT32 = DTYPES["float32"]
DRAWN_IN_32 = [dtype for dtype in FLOATS if dtype.draw == "float32"]
STREAM = Stream(42, "weight")
FAR = 2**32 - BLOCKS - 3  # a block whose number's upper word changes within a step


@njit
def plain_uniform(out: Any, block: Any, key: Any, numbers: Any) -> None:
    low, scale, high = numbers
    for i in range(out.shape[0]):
        words = words_at(block, i, key)
        for j in range(4):
            out[i, j] = uniform32(words[j], low, scale, high)


@njit
def plain_normal(out: Any, block: Any, key: Any, numbers: Any) -> None:
    mean, std = numbers
    for i in range(out.shape[0]):
        w0, w1, w2, w3 = words_at(block, i, key)
        out[i, 0], out[i, 1] = normal32(w0, w1, mean, std)
        out[i, 2], out[i, 3] = normal32(w2, w3, mean, std)


@njit
def plain_trunc_normal(out: Any, block: Any, key: Any, numbers: Any) -> None:
    mean, std, low, high, lower_words, step, lower, upper, mass, minus_log = numbers
    for i in range(out.shape[0]):
        words = words_at(block, i, key)
        for j in range(4):
            out[i, j] = trunc_normal32(
                words[j], mean, std, low, high, lower_words, step, lower, upper, mass, minus_log
            )


@njit
def plain_near_trunc_normal(out: Any, block: Any, key: Any, numbers: Any) -> None:
    mean, std, low, high, step, middle = numbers
    for i in range(out.shape[0]):
        words = words_at(block, i, key)
        for j in range(4):
            out[i, j] = near_trunc_normal32(words[j], mean, std, low, high, step, middle)


PLAIN = {
    "uniform32": plain_uniform,
    "normal32": plain_normal,
    "trunc_normal32": plain_trunc_normal,
    "near_trunc_normal32": plain_near_trunc_normal,
}


def plainly(what: Distribution, dtype: DType, block: int, count: int) -> npt.NDArray[Any]:
    """The elements of blocks, each by itself in float32, and rounded afterwards."""
    assert isinstance(what, Draw)
    transform, numbers = formula(what, dtype)
    wide = np.empty((count, 4), np.float32)
    key = STREAM.key().words()
    PLAIN[transform](wide, np.uint64(block), key, numbers)
    if dtype is FLOAT32:
        return wide.reshape(-1)
    out = np.empty(wide.size, dtype.storage)
    narrow(wide.reshape(-1), dtype, out)
    return out


@pytest.mark.parametrize("dtype", DRAWN_IN_32, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("what", DRAWN, ids=str)
def test_vectors_have_the_bits_of_scalars_at_every_offset_and_length(
    what: Distribution, dtype: DType
) -> None:
    for block in (0, FAR):
        count = 3 * BLOCKS + 2
        whole = plainly(what, dtype, block, count).view(f"u{dtype.itemsize}")
        for start in (0, 1, 3, 4 * BLOCKS - 1):
            for size in (1, 4, 4 * BLOCKS - 3, 4 * BLOCKS, 4 * BLOCKS + 1, whole.size - start):
                stop = min(start + size, whole.size)
                drawn = bits(what, dtype, stop - start, first=4 * block + start)
                assert np.array_equal(drawn.view(whole.dtype), whole[start:stop])


def test_float16_rounds_subnormals_ties_and_overflow_to_nearest_even() -> None:
    """By an instruction where there is one: as numpy does, over all exponents."""
    count, float16 = 40 * BLOCKS, DTYPES["float16"]
    for exponent in range(-30, 19):
        what = Uniform(-(2.0**exponent), 2.0**exponent)
        wide = plainly(what, FLOAT32, 0, count)
        with np.errstate(over="ignore"):
            expected = wide.astype(np.float16)
        assert np.array_equal(bits(what, float16, 4 * count).view(np.uint16), expected.view(np.uint16))
        narrowed = np.empty(wide.size, float16.storage)
        narrow(wide, float16, narrowed)
        assert np.array_equal(narrowed.view(np.uint16), expected.view(np.uint16))


@pytest.mark.parametrize("dtype", DRAWN_IN_32, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("count", [1, 2, BLOCKS - 1, BLOCKS, BLOCKS + 1, 2 * BLOCKS + 5])
def test_listed_blocks_have_the_bits_of_each_and_leave_the_memory_around_them(
    dtype: DType, count: int
) -> None:
    random = np.random.default_rng(count)
    for what in DRAWN:
        whole = plainly(what, dtype, FAR, 2 * BLOCKS).reshape(-1, 4)
        chosen = random.integers(0, len(whole), count)
        around = np.full((count + 2, 4), 9, dtype.storage)
        assert isinstance(what, Draw)
        CompiledExecutor().draw(what, dtype, STREAM.key(), FAR + chosen, around[1:-1].reshape(-1))
        assert (around[[0, -1]] == 9).all()
        assert np.array_equal(
            around[1:-1].view(f"u{dtype.itemsize}"), whole[chosen].view(f"u{dtype.itemsize}")
        )


@pytest.mark.parametrize("count", [0, 1, BLOCKS - 1, BLOCKS, BLOCKS + 1, 3 * BLOCKS - 1])
def test_a_step_that_is_not_full_leaves_the_memory_around_it(count: int) -> None:
    for dtype in DRAWN_IN_32:
        around = np.full((count + 2, 4), 9, dtype.storage)
        CompiledExecutor().fill(DRAWN[0], dtype, STREAM, 0, around[1 : count + 1].reshape(-1))
        assert (around[[0, -1]] == 9).all()


def test_layouts_of_all_dtypes_have_the_same_types() -> None:
    """So one compiled kernel takes them all."""
    assert len({tuple(map(type, layout(dtype))) for dtype in DRAWN_IN_32}) == 1


def test_listed_blocks_may_have_strides() -> None:
    blocks = np.arange(2 * BLOCKS)
    for kind in (np.int64, np.int32):
        strided, dense = (np.empty(4 * BLOCKS, np.float32) for _ in range(2))
        CompiledExecutor().draw(DRAWN[0], FLOAT32, STREAM.key(), blocks.astype(kind)[::2], strided)
        CompiledExecutor().draw(DRAWN[0], FLOAT32, STREAM.key(), blocks[::2].copy(), dense)
        assert np.array_equal(strided, dense)


@njit
def wider_than(words: Any, limit: Any) -> Any:
    return words > limit


@njit
def whole(numbers: Any) -> Any:
    return to_int32(numbers)


def test_what_vectors_do_not_compute_does_not_compile() -> None:
    with pytest.raises(TypingError, match="Vector"):
        wider_than.compile((Vector(types.uint32, 8), types.int64))
    with pytest.raises(TypingError, match="of floats"):
        whole.compile((Vector(types.float32, 8),))


FUSED = re.compile(
    r"llvm\.fma|llvm\.fmuladd"
    r"|\bf(?:add|sub|mul|div|rem|neg|cmp) (?:fast|contract|reassoc|arcp|afn|nnan|ninf|nsz)"
)


@pytest.mark.filterwarnings("ignore:nopython is set")
def test_no_kernel_lets_operations_be_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that fuses by default would give other bits, were the code to allow it."""
    compile_by_numba(monkeypatch)
    monkeypatch.setattr(CPUCodeLibrary, "_optimize_functions", lambda *_: None)  # which add no flags
    monkeypatch.setattr(CPUCodeLibrary, "_optimize_final_module", lambda *_: None)
    checked = 0
    for kernel in numba_cache.KERNELS:
        anew = njit(**kernel.targetoptions)(kernel.py_func)  # as cached code cannot be inspected
        for signature in kernel.signatures:
            anew.compile(signature)
        for code in anew.inspect_llvm().values():
            assert not FUSED.search(code), kernel
            checked += "fmul" in code
    assert checked > len(DRAWN)


def test_no_operation_is_fused_on_arm64(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_by_numba(monkeypatch)
    kernel = drawing(normal_ranges.py_func)
    kernel.compile(normal_ranges.signatures[0])
    (code,) = kernel.inspect_llvm().values()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple("aarch64-unknown-linux-gnu").create_target_machine(opt=1)
    code = re.sub(r'(?m)^target (?:triple|datalayout) = ".*"\n', "", code)
    code = re.sub(r'"(?:target-cpu|target-features)"="[^"]*"', "", code)
    code = code.replace("llvm.x86.", "x86.").replace("immarg", "")  # of numba's counts of references
    module = llvm.parse_assembly(code)
    module.triple = "aarch64-unknown-linux-gnu"
    found = re.findall(r"(?m)^\t(f\w+)", target.emit_assembly(module))
    assert {"fmul", "fadd"} <= set(found)
    assert not [name for name in found if re.match(r"fn?m(?:add|sub|la|ls)", name)]
