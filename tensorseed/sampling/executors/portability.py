"""Portable kernels, compiled for a level of x86-64, not for a CPU model.

numba caches compiled code under the name of the CPU model, so that another model cannot use it. Many models
share a level of the x86-64 psABI. An image with the kernels of every level starts anywhere without compiling.
The values do not depend on the level.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import llvmlite.binding as llvm
import numba

from tensorseed.sampling.executors.kernel_cache import compile_kernels
from tensorseed.sampling.jit_target import WIDE

LEVELS = {  # lowest first, with the features that each adds
    "x86-64-v2": {"cx16", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3"},
    "x86-64-v3": {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"},
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
WIDEST = list(LEVELS)[-1]


def levels() -> list[str]:
    """The levels of this processor, lowest first; none before x86-64 of 2009, or on another architecture."""
    features = {name for name, present in llvm.get_host_cpu_features().items() if present}
    found: list[str] = []
    for name, needed in LEVELS.items():
        if not needed <= features:
            break
        found.append(name)
    return found


def target(level: str | None = None) -> str | None:
    """Compile for a level, by default this processor's highest, unless NUMBA_CPU_NAME is set.

    Call it before anything is compiled. Returns the target's name; None for the processor's own model.
    """
    if numba.config.CPU_NAME is None and (level or levels()):
        numba.config.CPU_NAME = level or levels()[-1]
        numba.config.CPU_FEATURES = WIDE if numba.config.CPU_NAME == WIDEST else ""  # and the level's own
    name: str | None = numba.config.CPU_NAME
    return name


def compile_levels(folder: Path) -> list[str]:
    """Compile every kernel into a folder, for each level of this processor, and return the levels.

    Each level has its own process, since numba has one target a process.
    """
    found = levels()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        list(pool.map(_compile, [folder] * len(found), found))
    return found


def _compile(folder: Path, level: str) -> None:
    target(level)
    compile_kernels(folder)
