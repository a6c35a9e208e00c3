"""Files of a folder, each named once it is whole and on the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

from tensorseed.concurrency.buffers import Bytes

_UNFINISHED = re.compile(r"(.+)#\d+")
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


def write_file(path: Path, pieces: Iterable[bytes | Bytes]) -> None:
    """Write a file piece by piece, as `NAME#1` until it is whole.

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
        finally:
            os.close(file)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def remove_unfinished(folder: Path, paths: Sequence[str]) -> int:
    """Remove the unfinished files of paths, NAME#1 and so on, and count them."""
    names: dict[Path, set[str]] = {}
    for path in paths:
        names.setdefault((folder / path).parent, set()).add(Path(path).name)
    removed = 0
    for parent, own in names.items():
        for one in parent.iterdir() if parent.is_dir() else ():
            match = _UNFINISHED.fullmatch(one.name)
            if match and match[1] in own:
                one.unlink(missing_ok=True)
                removed += 1
    return removed


def _opened(path: Path) -> tuple[Path, int]:
    """A new file beside `path`, of the least number that no other writer has."""
    for number in count(1):
        unfinished = path.with_name(f"{path.name}#{number}")
        try:
            return unfinished, os.open(unfinished, _FLAGS, 0o666)
        except FileExistsError:
            continue
    raise AssertionError


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
