"""Host resources: CPU cores and thread priority."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

NICENESS_STEP = 5  # such a thread gets a third of the share of one of normal priority
GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cores(groups: Path = GROUPS, membership: Path = MEMBERSHIP) -> int:
    """Return the number of cores that this process may use, at least 1.

    The CPU quota of its control group bounds it, as in a container with a CPU limit.
    A quota is rounded up: half a core counts as one, two and a half as three.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([available, *map(math.ceil, _quotas(groups, membership))]))


def lower_priority(step: int = NICENESS_STEP) -> None:
    """Give the calling thread `step` more niceness than the main one; on Linux only, where threads have one.

    Threads that compute call it: as many of them as cores would otherwise delay the thread that answers.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            niceness = os.getpriority(os.PRIO_PROCESS, os.getpid()) + step  # a process has its main thread's
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def _quotas(groups: Path, membership: Path) -> Iterator[float]:
    """Yield the CPU quotas of this process's control groups and their parents, in cores."""
    for line in _read(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = groups / "cpu" if controllers else groups  # version 1, or version 2
        for group in ("/" + path.strip("/"), *map(str, Path(f"/{path.strip('/')}").parents)):
            folder = mount / group.lstrip("/")
            words = (
                [_read(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
                if controllers
                else _read(folder / "cpu.max").split()
            )
            if len(words) == 2 and all(map(_is_count, words)):
                yield int(words[0]) / int(words[1])


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdecimal() and int(word) > 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
