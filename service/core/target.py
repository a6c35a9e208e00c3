"""What the loops are compiled for: this CPU with the whole width of its vectors.

numba asks once, when the first function is decorated. `primitives.py`, below every module that compiles,
therefore sets it while it is imported.

Left alone LLVM prefers 256 bits on CPUs with AVX-512, because some lower their clock for wider vectors. The
loops here are long chains of arithmetic over independent elements and gain more than that costs: normals came
out 1.6 times as fast. The width changes no bit.
"""

from __future__ import annotations

import llvmlite.binding as llvm
import numba


def use_wide_vectors() -> None:
    """Ask for 512 bits where the CPU has them, unless the environment says what to compile for."""
    config = numba.config
    if config.CPU_NAME is not None or config.CPU_FEATURES is not None or not config.ENABLE_AVX:
        return
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        config.CPU_FEATURES = f"{features.flatten()},-prefer-256-bit"
