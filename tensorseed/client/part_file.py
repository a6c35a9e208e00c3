"""Partial file, `NAME.part`, that an interrupted download resumes.

The part has the full size, and the note `NAME.part.json` holds the ranges that are there.
A process that is killed leaves both files, and the next one resumes.
The bytes belong to one entity tag; parts of another file are never resumed.
A file of one of these names without a valid note belongs to somebody else, unless it is empty.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import orjson

from tensorseed.client.byte_ranges import ByteRanges, Range
from tensorseed.client.errors import DiskError, MismatchError, writing_errors
from tensorseed.files.output import Inputs, check_output, name_output, open_output

if sys.platform != "win32":
    import fcntl

STAT_BLOCK_BYTES = 512  # the unit of st_blocks
VERSION = 1
MAX_NOTE_BYTES = 1 << 24
SAVE_SECONDS = 0.5  # between two writes of the ranges

_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


class Note(NamedTuple):
    """The entity tag and the size of a download, and the ranges that are there."""

    etag: str
    size: int
    done: list[Range]


@dataclass(frozen=True, slots=True)
class Target:
    """The file to write, and what may be overwritten for it.

    `restart` begins anew where a part of a download is, `force` overwrites any other file too.
    None of them overwrites the `inputs`.
    """

    path: Path
    inputs: Inputs = ()
    restart: bool = False
    force: bool = False

    @property
    def part(self) -> Path:
        """The path of the unfinished file."""
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def note(self) -> Path:
        """The path of the note of what the part holds."""
        return self.path.with_name(f"{self.path.name}.part.json")

    def check(self) -> None:
        """Check that the file, its part and its note may be written.

        Raises:
            DiskError: one of them is an input, no regular file, or a file of somebody else.
        """
        with writing_errors(self.path):
            check_output(self.path, self.inputs, overwrite=self.force)
            for path in (self.part, self.note):
                check_output(path, self.inputs, overwrite=True)
            known = self.force or read_note(self.note) is not None
            for path in () if known else (self.part, self.note):
                if path.exists() and path.stat().st_size:
                    raise _foreign(path)


class PartFile:
    """The bytes of a target so far; leaving the context saves which ones are there."""

    def __init__(self, target: Target, etag: str, size: int) -> None:
        """Resume what there is, or begin.

        Raises:
            MismatchError: there is a part of another file.
            DiskError: the part cannot be written, has no room, would replace a file of somebody else, or
                another process writes it.
        """
        self.target = target
        self.path = target.part
        self.etag = etag
        self.size = size
        self._saved = 0.0
        self._kept = True
        self._file = self._opened()
        try:
            self.done = self._resumed()
            self.save()  # before the part has bytes, which without a note would be somebody else's
            with self._translating_errors():
                _allocate(self._file, size)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._kept:
                self.save()
        finally:
            os.close(self._file)

    def write(self, start: int, data: bytes | memoryview) -> None:
        """Write bytes at an offset, in any thread; `mark` makes them count."""
        view = memoryview(data)
        with self._translating_errors():
            while view:
                written = _write(self._file, view, start)
                view, start = view[written:], start + written

    def mark(self, start: int, stop: int) -> None:
        """Count bytes as there, and save the ranges now and then."""
        self.done.add(start, stop)
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            self.save()

    def missing(self) -> list[Range]:
        """Return the ranges that are not there yet."""
        return self.done.missing(self.size)

    def save(self) -> None:
        """Save the ranges that are there; a process killed later loses none of them."""
        state = {"version": VERSION, "etag": self.etag, "size": self.size, "done": list(self.done)}
        with self._translating_errors(), open_output(self.target.note, overwrite=True, durable=False) as file:
            file.write(orjson.dumps(state))
        self._saved = time.monotonic()

    def finish(self) -> None:
        """Rename the whole file to its target, once the disk has all of it.

        Raises:
            DiskError: it cannot be renamed, or another file came to be there.
        """
        assert not self.missing()
        with self._translating_errors():
            os.fsync(self._file)
            name_output(self.path, self.target.path, self.target.inputs, overwrite=self.target.force)
            self._kept = False
            self.target.note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what is there, so that the next process begins anew."""
        self._kept = False
        with self._translating_errors():
            self.path.unlink(missing_ok=True)
            self.target.note.unlink(missing_ok=True)

    def _resumed(self) -> ByteRanges:
        """Return the ranges that an earlier process saved."""
        note, there = read_note(self.target.note), os.fstat(self._file).st_size
        if note is None or not there or self.target.restart:
            return ByteRanges()
        whole = there == note.size or not note.done  # else it was killed while it got its room
        if whole and (note.etag, note.size) == (self.etag, self.size):
            return ByteRanges(note.done)
        if self.target.force:
            return ByteRanges()
        raise MismatchError(
            f"{self.path} holds a part of another file: name another output, or begin anew with restart=True"
        ).naming("restart")

    def _opened(self) -> int:
        """Open and lock the part; a new one where another process has renamed it meanwhile."""
        while True:
            self.target.check()
            with self._translating_errors():
                file, made = _open(self.path)
            try:
                self._lock(file)
                if self._is_own(file, made):
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    def _is_own(self, file: int, made: bool) -> bool:
        """Return whether the open part may be written; a file of somebody else loses this name at most."""
        there = os.fstat(file)
        with self._translating_errors(), suppress(FileNotFoundError):
            if not os.path.samestat(there, os.stat(self.path)):
                return False
            known = not there.st_size or read_note(self.target.note) is not None
            known = known and (made or _is_mine(there))
            if known and there.st_nlink == 1:
                return True
            if not known and not self.target.force:
                raise _foreign(self.path)
            self.path.unlink()
        return False

    def _lock(self, file: int) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DiskError(f"{self.path} is being written by another process: wait for it to end") from None
        except OSError:  # a file system without locks
            return

    def _translating_errors(self) -> AbstractContextManager[None]:
        return writing_errors(self.path, f", {self.size:,} bytes are needed in all")


def read_note(path: Path) -> Note | None:
    """Read the note of a part; None where it is missing, or a file of somebody else."""
    with suppress(OSError, ValueError, TypeError, KeyError), path.open("rb") as file:
        if not _is_mine(os.fstat(file.fileno())):
            return None
        note = orjson.loads(file.read(MAX_NOTE_BYTES))
        done = [(start, stop) for start, stop in note["done"]]
        sizes = [size for span in done for size in span]
        if (
            note["version"] == VERSION
            and type(note["etag"]) is str
            and all(type(size) is int and size >= 0 for size in (note["size"], *sizes))
            and all(start <= stop <= note["size"] for start, stop in done)
        ):
            return Note(note["etag"], note["size"], done)
    return None


def _foreign(path: Path) -> DiskError:
    remedy = "name another output, or overwrite it with force=True"
    return DiskError(f"{path} exists and is no part of a download: {remedy}").naming("force")


def _open(path: Path) -> tuple[int, bool]:
    """Open a file for reading and writing, and tell whether it is a new one."""
    while True:
        with suppress(FileExistsError):
            return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666), True
        with suppress(FileNotFoundError):  # another process has renamed it meanwhile
            return os.open(path, _FLAGS), False


def _is_mine(there: os.stat_result) -> bool:
    """Return whether this user owns a file: a neighbour on the host may have put it there."""
    return sys.platform == "win32" or there.st_uid == os.geteuid()


def _allocate(file: int, size: int) -> None:
    """Give the file its full size where the disk has room for it.

    It takes that room as its bytes come: a server may lie about the size.
    """
    if hasattr(os, "fstatvfs"):
        disk = os.fstatvfs(file)
        free = disk.f_bavail * disk.f_frsize
        held = os.fstat(file).st_blocks * STAT_BLOCK_BYTES
        if disk.f_blocks and size - held > free:  # some network file systems have no number
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.ftruncate(file, size)


def _write(file: int, data: memoryview, at: int) -> int:
    """Write some of the bytes at an offset and return how many."""
    if hasattr(os, "pwrite"):
        return os.pwrite(file, data, at)
    os.lseek(file, at, os.SEEK_SET)
    return os.write(file, data)
