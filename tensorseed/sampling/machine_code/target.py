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
_OF_NO_CODE = (  # beginnings of variables that change none
    "NUMBA_CACHE_",
    "NUMBA_COLOR_SCHEME",
    "NUMBA_CUDA_",
    "NUMBA_DEBUG_CACHE",
    "NUMBA_DEVELOPER_MODE",
    "NUMBA_DISABLE_CUDA",
    "NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING",
    "NUMBA_DISABLE_PERFORMANCE_WARNINGS",
    "NUMBA_FULL_TRACEBACKS",
    "NUMBA_HIGHLIGHT_DUMPS",
    "NUMBA_NUM_THREADS",
    "NUMBA_SHOW_HELP",
    "NUMBA_THREADING_LAYER",
    "NUMBA_WARNINGS",
)
_CONFIG = Path(".numba_config.yaml")  # of the working directory, which numba reads

_chosen: list[str] = []
_late: list[bool] = []  # whether numba had chosen its own target before


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
        note_a_late_choice()


def note_a_late_choice() -> None:
    """Remember if numba has compiled or decorated something by now: it reads its configuration before."""
    registry = sys.modules.get("numba.core.registry")
    if registry is not None and "_toplevel_target_context" in vars(registry.cpu_target):
        _late[:] = [True]


def is_late() -> bool:
    """Whether this process compiles for another target than the one that `target_digest` names."""
    return bool(_late)


def target_digest() -> str:
    """The first 16 hex digits of the SHA-256 of all that machine code depends on beside its sources.

    Raises:
        ImportError: numba or llvmlite is not installed, or has no version.
    """
    host = _chosen or [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    options = [f"{name}={os.environ[name]}" for name in options_of_code()]
    written = [_CONFIG.read_bytes().hex()] if _CONFIG.is_file() else []
    interpreter = [str(sys.implementation.cache_tag), str(sys.maxsize)]
    compilers = [version("numba"), version("llvmlite"), llvm.get_process_triple()]
    parts = [*interpreter, *compilers, *host, *options, *written]
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]


def options_of_code() -> list[str]:
    """The variables of numba in the environment that may change machine code."""
    return sorted(
        name for name in os.environ if name.startswith("NUMBA_") and not name.startswith(_OF_NO_CODE)
    )
