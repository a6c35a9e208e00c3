"""Faulty hosts: read-only file systems and jumping clocks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from service.settings import Settings
from tensorseed.client.errors import DiskError
from tensorseed.sampling.executors.kernel_cache import sources_digest
from tools.soak.replicas import PROGRAM, Replica, digest, normals, plan, running

ELEMENTS = 1 << 20
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
FULL = (
    'mount -t tmpfs -o size=$(($(du -sk "$0.kept" | cut -f1) + 1024))k tmpfs "$0" && cp -r "$0.kept/." "$0" '
    '&& { cat /dev/zero > "$0/full" || :; } && exec "$@"'
)
SMALL = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
JUMPING = """
import random, sys, time
real, draw = time.time, random.Random(0)
time.time = lambda: max(0.0, real() + draw.uniform(-1e9, 1e9))  # thirty years, either way, at every look
from service.__main__ import main
main()
"""


@cache
def namespaces() -> bool:
    """Whether this user may have mounts of its own, which read-only and full file systems are made with."""
    unshare = shutil.which("unshare")
    command = [unshare or "", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return unshare is not None and subprocess.run(command, capture_output=True).returncode == 0


def reference() -> str:
    """The digest of a file on a host that is as it should be, whose cache then holds every loop."""
    return _served(Replica())


def read_only(folder: Path) -> str:
    """The same file from a server whose folder of compiled loops is on a read-only file system."""
    folder.mkdir(parents=True, exist_ok=True)
    return _served(_mounted(READ_ONLY, folder))


def full(folder: Path) -> str:
    """The same file from a server whose folder is full, with what `folder`.kept holds."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.with_name(folder.name + ".kept").mkdir(exist_ok=True)
    return _served(_mounted(FULL, folder))


def jumping() -> str:
    """The same file from a server whose clock jumps by years whenever it is read."""
    return _served(Replica((sys.executable, "-c", JUMPING)))


def fetched(script: str, folder: Path) -> bool:
    """Whether `tensorseed fetch` into a folder that takes nothing, or too little, ends with the status of a
    disk at fault and a message instead of a traceback.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spec = folder.with_name(folder.name + ".json")
    spec.write_text(json.dumps(normals(ELEMENTS)))
    fetch = (*PROGRAM, "fetch", str(spec), "-o", str(folder / "file.safetensors"))
    ended = subprocess.run(
        ("unshare", "-Urm", "sh", "-c", script, str(folder), *fetch), capture_output=True, text=True
    )
    return ended.returncode == DiskError.exit_code and bool(ended.stderr) and "Traceback" not in ended.stderr


def copy_loops(folder: Path, without: str = "") -> None:
    """Copy this host's compiled loops, all but those whose name begins so."""
    kept = Settings().cache_folder()
    assert kept is not None
    ignore = shutil.ignore_patterns(f"{without}*") if without else None
    shutil.copytree(kept / sources_digest(), folder / sources_digest(), ignore=ignore, dirs_exist_ok=True)


def _mounted(script: str, folder: Path) -> Replica:
    program = ("unshare", "-Urm", "sh", "-c", script, str(folder), *PROGRAM)
    return Replica(program, TENSORSEED_KERNEL_CACHE=str(folder))


def _served(replica: Replica) -> str:
    with running(replica):
        return digest(replica.port, plan(replica.port, ELEMENTS)["url"])
