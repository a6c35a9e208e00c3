"""What this host gives a process: cores to compute on, turns on them, and folders to keep things in."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

NICER = 5  # steps: a third of the share of a thread that does not step back
GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cores(groups: Path = GROUPS, membership: Path = MEMBERSHIP) -> int:
    """The cores that this process may use, at least 1.

    Those that it may run on, or fewer where its control group has a quota of time, as a container with a
    limit of cores has: half a core counts as one, two and a half as three.
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([there, *map(math.ceil, _quotas(groups, membership))]))


def step_back() -> None:
    """Let other threads go before the calling one, by `NICER` steps of niceness. On Linux alone, where each
    thread has its own.

    For threads that compute: with as many of them as cores, the one that answers would wait for its turn.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICER)


def usable_folder(folder: Path) -> Path | None:
    """The folder, made if need be; None where that fails. It may be read-only."""
    try:
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a home that is read-only, or none at all
        return None
    return folder if os.access(folder, os.R_OK | os.X_OK) else None


def _quotas(groups: Path, membership: Path) -> Iterator[float]:
    """The quotas of this process's control groups and those above, in cores."""
    for line in _read(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = groups / "cpu" if controllers else groups  # version 1, or version 2
        for place in ("/" + path.strip("/"), *map(str, Path(f"/{path.strip('/')}").parents)):
            folder = mount / place.lstrip("/")
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
    """The text of a file; none where there is no such file."""
    try:
        return path.read_text()
    except OSError:
        return ""
