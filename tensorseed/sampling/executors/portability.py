"""Loops that many processors share: compiled for a level of x86-64 instead of for the very model at hand.

numba keeps what it compiles under the name of the processor's model, so that loops compiled on one machine
are of no use on the next. The levels of the x86-64 psABI are names that many models answer to; an image that
holds the loops of every level starts anywhere without compiling. The values do not depend on the level.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import llvmlite.binding as llvm
import numba

from tensorseed.sampling.executors.kernel_cache import compile_kernels
from tensorseed.sampling.jit_target import WIDE

LEVELS = {  # by name, lowest first, what a processor must have beyond the level before
    "x86-64-v2": {"cx16", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3"},
    "x86-64-v3": {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"},
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
WIDEST = list(LEVELS)[-1]


def levels() -> list[str]:
    """The levels that this processor has, lowest first; none if it is no x86-64 of 2009 or later."""
    features = {name for name, present in llvm.get_host_cpu_features().items() if present}
    found: list[str] = []
    for name, needed in LEVELS.items():
        if not needed <= features:
            break
        found.append(name)
    return found


def target(level: str | None = None) -> str | None:
    """Compile for a level from now on, by default the highest; what NUMBA_CPU_NAME names goes first.

    Before anything is compiled. Without a level, nothing changes. Returns what is compiled for; None for
    the processor's own model.
    """
    if numba.config.CPU_NAME is None and (level or levels()):
        numba.config.CPU_NAME = level or levels()[-1]
        numba.config.CPU_FEATURES = WIDE if numba.config.CPU_NAME == WIDEST else ""  # and the level's own
    name: str | None = numba.config.CPU_NAME
    return name


def compile_levels(folder: Path) -> list[str]:
    """Compile every loop into a folder, for each level of this processor. Returns the levels.

    Each in a process of its own, since numba compiles for one processor a process.
    """
    found = levels()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        list(pool.map(_compile, [folder] * len(found), found))
    return found


def _compile(folder: Path, level: str) -> None:
    target(level)
    compile_kernels(folder)
