"""The machine that a run was on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, str | int]:
    """Processor, cores, memory and the versions that matter."""
    packages = ("torch", "jax", "numba", "numpy", "fastapi", "uvicorn")
    facts: dict[str, str | int] = {"processor": processor(), "cores": CORES, "memory_bytes": memory()}
    return {**facts, "python": platform.python_version(), **{name: _version(name) for name in packages}}


def processor() -> str:
    """The processor's name, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()


def memory() -> int:
    """Bytes of memory that the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def kibibytes(pid: int, field: str) -> int:
    """A field of a process's status, such as VmRSS. Linux only."""
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{field}:")[2].split()[0])


def reset_peak(pid: int) -> None:
    """Let VmHWM of a process count from here. Linux only."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def tells_memory() -> bool:
    """Whether the system tells what a process holds."""
    return Path("/proc/self/clear_refs").exists()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
