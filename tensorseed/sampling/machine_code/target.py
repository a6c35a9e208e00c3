"""Processor that kernels are compiled for: its model, or a level."""

from __future__ import annotations

import hashlib
import os
import sys
from importlib.metadata import version
from pathlib import Path

import llvmlite.binding as llvm

LEVELS = {  # lowest first, with the features that each adds
    "x86-64-v2": {"cx16", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3"},
    "x86-64-v3": {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"},
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
WIDEST = list(LEVELS)[-1]
WIDE = "-prefer-256-bit"  # the CPU feature's absence

_NAME = "NUMBA_CPU_NAME"
_OF_NO_CODE = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS")  # variables that change none
_CONFIG = Path(".numba_config.yaml")  # of the working directory, which numba reads

_chosen: list[str] = []


def levels() -> list[str]:
    """The levels of this processor, lowest first; none before x86-64 of 2009, or on another architecture."""
    features = {name for name, present in llvm.get_host_cpu_features().items() if present}
    found: list[str] = []
    for name, needed in LEVELS.items():
        if not needed <= features:
            break
        found.append(name)
    return found


def choose(level: str | None = None) -> str | None:
    """Compile for a level, by default this processor's highest, unless NUMBA_CPU_NAME is set.

    Call it before anything is compiled. Returns the target's name; None for the processor's own model.
    """
    numba = sys.modules.get("numba")
    named: str | None = os.environ.get(_NAME) if numba is None else numba.config.CPU_NAME
    if named is not None:
        return named
    wanted = level or next(reversed(levels()), None)
    if wanted is not None:
        _chosen[:] = [wanted]
        if numba is not None:
            configure(numba.config)
    return wanted


def configure(config: object) -> None:
    """Give numba's configuration the level that was chosen, if one was and none is set."""
    if _chosen and getattr(config, "CPU_NAME", None) is None:
        (level,) = _chosen
        vars(config)["CPU_NAME"] = level
        vars(config)["CPU_FEATURES"] = WIDE if level == WIDEST else ""  # and the level's own


def target_digest() -> str:
    """The first 16 hex digits of the SHA-256 of all that machine code depends on beside its sources."""
    host = _chosen or [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    options = sorted(
        f"{name}={value}"
        for name, value in os.environ.items()
        if name.startswith("NUMBA_") and name not in _OF_NO_CODE
    )
    written = [_CONFIG.read_text()] if _CONFIG.is_file() else []
    compilers = [version("numba"), version("llvmlite"), llvm.get_process_triple(), str(sys.maxsize)]
    return hashlib.sha256("\0".join([*compilers, *host, *options, *written]).encode()).hexdigest()[:16]
