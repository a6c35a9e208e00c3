"""Portable kernels, compiled for a level of x86-64, not for a CPU model.

numba caches compiled code under the name of the CPU model, so that another model cannot use it. Many models
share a level of the x86-64 psABI. An image with the kernels of every level starts anywhere without compiling.
The values do not depend on the level.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tensorseed.sampling.executors.kernel_cache import compile_kernels
from tensorseed.sampling.machine_code.target import choose, levels


def compile_levels(folder: Path) -> list[str]:
    """Compile every kernel into a folder, for each level of this processor, and return the levels.

    Each level has its own process, since numba has one target a process.
    """
    found = levels()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        list(pool.map(_compile, [folder] * len(found), found))
    return found


def _compile(folder: Path, level: str) -> None:
    choose(level)
    compile_kernels(folder)
