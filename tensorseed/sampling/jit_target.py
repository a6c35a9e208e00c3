"""Code generation of the kernels: vector width and interleaving.

Neither changes a bit, since the kernels compute every element by itself.

*Width.* By default LLVM prefers 256 bits on CPUs with AVX-512, because some lower their clock for wider
vectors. Normals are 1.6 times as fast with 512. numba reads the CPU's features once, when the first function
is decorated. So `overloads.py`, which every compiling module imports, calls `use_wide_vectors` at import.

*Interleaving.* An iteration of a float64 draw is a dependent chain of some 200 cycles: ten rounds of
Philox, then polynomials. LLVM does not interleave loops of that length. With two iterations interleaved,
normals are 1.24 times as fast. Short loops, such as those of orthogonal matrices, get slower, so each kernel
chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core.compiler_lock import global_compiler_lock

from tensorseed.sampling.machine_code.target import WIDE, configure, note_a_late_choice

INTERLEAVE = "-force-vector-interleave"  # 0 leaves it to LLVM


def use_wide_vectors() -> None:
    """Prefer 512 bits where the CPU has them, unless the environment chooses a target."""
    config = numba.config
    configure(config)
    if config.CPU_NAME is not None or config.CPU_FEATURES is not None or not config.ENABLE_AVX:
        return
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        config.CPU_FEATURES = f"{features.flatten()},{WIDE}"
        note_a_late_choice()


def interleaved(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """`numba.njit` with these options, and two iterations of the innermost loop interleaved."""

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
    """Hold numba's compiler lock meanwhile, since LLVM has one set of options for all threads."""
    with global_compiler_lock:
        llvm.set_option("tensorseed", f"{INTERLEAVE}=2")
        try:
            yield
        finally:
            llvm.set_option("tensorseed", f"{INTERLEAVE}=0")
