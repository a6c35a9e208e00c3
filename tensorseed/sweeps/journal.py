"""Journal of a sweep: the rows that are done, a line each."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tensorseed.errors import TensorseedError

if sys.platform != "win32":
    import fcntl

SUFFIX = ".part"
_FORMAT = "tensorseed sweep 1"
_BEGIN = f'["{_FORMAT}",'.encode()


class JournalError(TensorseedError):
    """A journal that this sweep cannot go on from. The message says why, and what to do."""


class JournalInUseError(OSError):
    """A journal that another process writes."""


class Journal:
    """The rows by key, and the open file that holds them."""

    def __init__(self, path: Path, file: int, rows: dict[str, dict[str, Any]]) -> None:
        self.path = path
        self.rows = rows
        self._file = file

    def add(self, key: str, row: Mapping[str, Any]) -> None:
        """Keep a row. A process that is killed from now on has it.

        Raises:
            OSError: it cannot be written.
        """
        _write(self._file, [key, row])
        self.rows[key] = dict(row)

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def journal_path(results: Path) -> Path:
    """The path of the journal of results."""
    return results.with_name(results.name + SUFFIX)


@contextmanager
def open_journal(results: Path, versions: Mapping[str, str], *, restart: bool) -> Iterator[Journal]:
    """Open the journal beside the results, `NAME.part`, for this process alone.

    A line that a kill has cut is dropped. Rows of other grids stay: a point is found by its request.
    A journal without rows is deleted at the end of the block.

    Raises:
        JournalError: the file is none, or has rows of other versions, and `restart` is false.
        JournalInUseError: another process writes it.
        OSError: it cannot be opened or read.
    """
    path = journal_path(results)
    file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        _lock(path, file)
        if restart:
            os.ftruncate(file, 0)
        rows = _read(path, file, versions)
        try:
            yield Journal(path, file, rows)
        finally:
            if not rows:
                path.unlink(missing_ok=True)
    finally:
        os.close(file)


def _lock(path: Path, file: int) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalInUseError(f"{path} is being written by another process: wait for it to end") from None
    except OSError:  # a file system without locks
        return


def _read(path: Path, file: int, versions: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The rows of the file, which ends behind the last whole line."""
    rows: dict[str, dict[str, Any]] = {}
    end = 0
    with open(file, "rb", closefd=False) as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                if not end and not line.startswith(_BEGIN[: len(line)]):
                    _check(path, None, versions)
                break
            document = _parsed(line)
            if not end:
                _check(path, document, versions)
            elif document is None:
                break  # of a machine that lost power
            else:
                rows[document[0]] = document[1]
            end += len(line)
    os.ftruncate(file, end)
    os.lseek(file, 0, os.SEEK_END)
    if not end:
        _write(file, [_FORMAT, dict(versions)])
    return rows


def _check(path: Path, document: Any, versions: Mapping[str, str]) -> None:
    if document is None or document[0] != _FORMAT:
        raise JournalError(f"{path} is no journal of a sweep: name another output, or delete that file")
    if document[1] != dict(versions):
        written = " and ".join(f"{name} {value}" for name, value in document[1].items())
        raise JournalError(
            f"{path} holds rows of {written}, whose numbers may differ in their last digits: "
            "go on with those versions, or begin anew with --restart"
        )


def _parsed(line: bytes) -> Any:
    """The pair that a line holds; None of any other line."""
    with suppress(ValueError):
        document = json.loads(line)
        if isinstance(document, list) and len(document) == 2 and isinstance(document[1], dict):
            return document
    return None


def _write(file: int, document: Any) -> None:
    """Append a line, in one call of the system where the disk has room."""
    line = memoryview(json.dumps(document, separators=(",", ":")).encode() + b"\n")
    while line:
        line = line[os.write(file, line) :]
