"""Files of a folder, each named once it is whole and on the disk."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from tensorseed.concurrency.buffers import Bytes

if sys.platform != "win32":
    import fcntl

_UNFINISHED = re.compile(r"(.+)#\d+")
_NUMBERS = 1 << 32  # of unfinished files: two writers of one file do not meet
_OPEN = os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_NEW = _OPEN | os.O_CREAT | os.O_EXCL
_THERE = _OPEN | getattr(os, "O_NONBLOCK", 0)


def write_file(path: Path, pieces: Iterable[bytes | Bytes]) -> None:
    """Write a file piece by piece, as NAME#NUMBER until it is whole; its lock says that a writer is at it.

    A piece is still in a cache of the processor then, and nothing holds it afterwards: a multipart upload
    would keep the pieces of several parts.

    Raises:
        OSError: the file cannot be written. What is at `path` is left as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished, file = _opened(path)
    try:
        try:
            for piece in pieces:
                _write(file, piece)
            os.fsync(file)
            if sys.platform != "win32":  # named while it is locked, so that nobody removes it meanwhile
                unfinished.replace(path)
        finally:
            os.close(file)
        if sys.platform == "win32":  # where an open file keeps its name
            unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def remove_unfinished(folder: Path, paths: Sequence[str]) -> int:
    """Remove the unfinished files of paths, NAME#NUMBER, that no writer holds, and count them."""
    names: dict[Path, set[str]] = {}
    for path in paths:
        names.setdefault((folder / path).parent, set()).add(Path(path).name)
    removed = 0
    for parent, own in names.items():
        for one in parent.iterdir() if parent.is_dir() else ():
            match = _UNFINISHED.fullmatch(one.name)
            if match and match[1] in own:
                removed += _remove(one)
    return removed


def _remove(unfinished: Path) -> bool:
    """Remove a file that no writer holds."""
    if sys.platform == "win32":
        with suppress(FileNotFoundError, PermissionError):  # the latter for one that is open
            unfinished.unlink()
            return True
        return False
    try:
        file = os.open(unfinished, _THERE)
    except OSError:  # gone by now, another user's, or no file
        return False
    try:
        free = _lock(file)
        if free:
            unfinished.unlink(missing_ok=True)
        return free
    finally:
        os.close(file)


def _opened(path: Path) -> tuple[Path, int]:
    """A new file beside `path`, locked for as long as it is open."""
    while True:
        unfinished = path.with_name(f"{path.name}#{secrets.randbelow(_NUMBERS)}")
        try:
            file = os.open(unfinished, _NEW, 0o666)
        except FileExistsError:
            continue
        if _lock(file) and unfinished.exists():  # else it was removed before its lock
            return unfinished, file
        os.close(file)


def _lock(file: int) -> bool:
    """Whether no other process holds the file, which is this one's from now on if the system has locks."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # of a file system without locks: a number of its own still keeps files apart
            return True
    return True


def _write(file: int, piece: bytes | Bytes) -> None:
    left = memoryview(piece)  # type: ignore[arg-type]  # an array is a buffer, which numpy's stubs do not say
    while left:
        left = left[os.write(file, left) :]


def _sync(folder: Path) -> None:
    """Have the disk hold the names of a folder before anything counts on them."""
    if os.name == "nt":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
