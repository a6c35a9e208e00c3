"""How the loops are compiled: with the whole width of the CPU's vectors, some with iterations side by side.

Neither changes a bit: the loops compute every element by itself.

*Width.* Left alone LLVM prefers 256 bits on CPUs with AVX-512, because some lower their clock for wider
vectors. Normals come out 1.6 times as fast with 512. numba asks once, when the first function is decorated:
`primitives.py`, below every module that compiles, therefore calls `use_wide_vectors` while it is imported.

*Interleaving.* An iteration of a loop that draws is a chain of some 200 cycles, ten rounds of Philox and then
one polynomial after the other, of which a CPU finds too little to do at a time. LLVM leaves loops of that
length alone; with two iterations in one, normals come out 1.24 times as fast. Loops of a few elements, such
as those of orthogonal matrices, lose by it, so it is asked for loop by loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core.compiler_lock import global_compiler_lock

WIDE = "-prefer-256-bit"  # as a CPU feature: not to prefer them
INTERLEAVE = "-force-vector-interleave"  # 0 leaves it to LLVM


def use_wide_vectors() -> None:
    """Ask for 512 bits where the CPU has them, unless the environment says what to compile for."""
    config = numba.config
    if config.CPU_NAME is not None or config.CPU_FEATURES is not None or not config.ENABLE_AVX:
        return
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        config.CPU_FEATURES = f"{features.flatten()},{WIDE}"


def interleaved(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """`numba.njit` with these options, for a loop of which two iterations are to run side by side."""

    def decorate(function: Callable[..., None]) -> Any:
        loop = numba.njit(function, **options)
        compile_alone = loop.compile

        def compile_interleaved(signature: Any) -> Any:
            with _interleaving():
                return compile_alone(signature)

        loop.compile = compile_interleaved
        return loop

    return decorate


@contextmanager
def _interleaving() -> Iterator[None]:
    """While nothing else is compiled, as LLVM has one set of options for all."""
    with global_compiler_lock:
        llvm.set_option("tensorseed", f"{INTERLEAVE}=2")
        try:
            yield
        finally:
            llvm.set_option("tensorseed", f"{INTERLEAVE}=0")
