"""Partial file, `NAME.part`, that an interrupted download resumes.

The part has the full size, and `NAME.part.json` holds the ranges that are there.
A process that is killed leaves both files, and the next one resumes.
The bytes belong to one entity tag; parts of another file are never resumed.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tensorseed.client.byte_ranges import ByteRanges, Range
from tensorseed.client.errors import DiskError, MismatchError

if sys.platform != "win32":
    import fcntl

VERSION = 1
SAVE_SECONDS = 0.5  # between two writes of the ranges


class PartFile:
    """The bytes of `target` so far; leaving the context saves which ones are there."""

    def __init__(self, target: Path, etag: str, size: int, *, restart: bool = False) -> None:
        """Resume what there is, or begin; `restart` always begins.

        Raises:
            MismatchError: there is a part of another file.
            DiskError: the part cannot be written, has no room, or another process writes it.
        """
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._sidecar = target.with_name(f"{target.name}.part.json")
        self.etag = etag
        self.size = size
        self._saved = 0.0
        self._file = self._opened()
        try:
            self.done = ByteRanges() if restart else self._resumed()
            with self._translating_errors():
                _allocate(self._file, size)
            self.save()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._sidecar.exists():
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
        fresh = self._sidecar.with_name(f"{self._sidecar.name}.new")
        with self._translating_errors():
            fresh.write_text(json.dumps(state))
            fresh.replace(self._sidecar)
        self._saved = time.monotonic()

    def finish(self) -> None:
        """Rename the whole file to its target, once the disk has all of it."""
        assert not self.missing()
        with self._translating_errors():
            os.fsync(self._file)
            self.path.replace(self.target)
            self._sidecar.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forget what is there, so that the next process begins anew."""
        self.done = ByteRanges()
        with self._translating_errors():
            self._sidecar.unlink(missing_ok=True)

    def _resumed(self) -> ByteRanges:
        """Return the ranges that an earlier process saved."""
        state = _read_state(self._sidecar)
        if state is None or os.fstat(self._file).st_size != state["size"]:
            return ByteRanges()
        if (state["etag"], state["size"]) != (self.etag, self.size):
            raise MismatchError(
                f"{self.path} holds a part of another file: name another output, or begin anew with --restart"
            )
        return ByteRanges((start, min(stop, self.size)) for start, stop in state["done"])

    def _opened(self) -> int:
        """Open and lock the part, unless another process has renamed it meanwhile; then a new one."""
        while True:
            with self._translating_errors():
                file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                self._lock(file)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(file), os.stat(self.path)):
                        return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    def _lock(self, file: int) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DiskError(f"{self.path} is being written by another process: wait for it to end") from None
        except OSError:  # a file system without locks
            return

    @contextmanager
    def _translating_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _unwritable(self.path, error, self.size) from None


def unreadable(path: Path, error: OSError) -> DiskError:
    """Return the error of a file that cannot be read."""
    return DiskError(f"{path} cannot be read ({_reason(error)}): name a file that can")


def _unwritable(path: Path, error: OSError, needed: int) -> DiskError:
    reason = f"{_reason(error)}, {needed:,} bytes are needed in all"
    return DiskError(f"{path} cannot be written ({reason}): make room, or name another output")


def _reason(error: OSError) -> str:
    return (error.strerror or "the system refuses it").lower()


def _read_state(path: Path) -> dict[str, Any] | None:
    """Read the saved ranges; None where they are missing or damaged."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        state = json.loads(path.read_bytes())
        valid = state["version"] == VERSION and type(state["etag"]) is str and type(state["size"]) is int
        ranges = [(start, stop) for start, stop in state["done"]]
        if valid and all(type(start) is type(stop) is int and 0 <= start <= stop for start, stop in ranges):
            return {"etag": state["etag"], "size": state["size"], "done": ranges}
    return None


def _allocate(file: int, size: int) -> None:
    """Give the file its full size, and reserve its room where the system can."""
    if hasattr(os, "posix_fallocate") and size > os.fstat(file).st_size:
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if not _lacks_fallocate(error):
                raise
    os.ftruncate(file, size)


def _lacks_fallocate(error: OSError) -> bool:
    return error.errno in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


def _write(file: int, data: memoryview, at: int) -> int:
    """Write some of the bytes at an offset and return how many."""
    if hasattr(os, "pwrite"):
        return os.pwrite(file, data, at)
    os.lseek(file, at, os.SEEK_SET)
    return os.write(file, data)
