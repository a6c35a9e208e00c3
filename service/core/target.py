"""How the loops are compiled: with the whole width of the CPU's vectors, and two iterations side by side.

numba asks what to compile for once, when the first function is decorated, and LLVM takes its options before
it compiles. `primitives.py`, below every module that compiles, therefore calls `tune` while it is imported.
Neither changes a bit: the loops are long chains of arithmetic over independent elements.

*Width.* Left alone LLVM prefers 256 bits on CPUs with AVX-512, because some lower their clock for wider
vectors. Normals come out 1.6 times as fast with 512.

*Interleaving.* One iteration is a chain of some 200 cycles, ten rounds of Philox and then a polynomial after
the other, of which a CPU finds too little to do at a time. LLVM leaves loops of that length alone; with two
iterations in one, normals come out 1.3 times as fast with AVX-512, 1.1 times with AVX2, 1.2 times with SSE4.
"""

from __future__ import annotations

from functools import cache

import llvmlite.binding as llvm
import numba

WIDE = "-prefer-256-bit"  # as a CPU feature: not to prefer them
INTERLEAVED = "-force-vector-interleave=2"


@cache  # LLVM ends a process that gives an option twice
def tune() -> None:
    """Tell the compiler, unless the environment says what to compile for; then only to interleave."""
    llvm.set_option("tensorseed", INTERLEAVED)
    config = numba.config
    if config.CPU_NAME is not None or config.CPU_FEATURES is not None or not config.ENABLE_AVX:
        return
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        config.CPU_FEATURES = f"{features.flatten()},{WIDE}"
