"""A file on its way: `NAME.part` of full size, and `NAME.part.json`, which says what of it is there.

Whoever is killed leaves both behind, and the next one goes on from there. The bytes are those of one entity
tag: what another file has left is never gone on with.
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

from tensorseed.client.byte_ranges import Span, Spans
from tensorseed.client.errors import DiskError, MismatchError

if sys.platform != "win32":
    import fcntl

VERSION = 1
SAVE_SECONDS = 0.5  # between two notes of what is there


class PartialFile:
    """The bytes of `target` so far. A context: leaving it notes what is there."""

    def __init__(self, target: Path, etag: str, size: int, *, restart: bool = False) -> None:
        """Go on with what there is, or begin.

        Raises MismatchError where that is of another file, unless `restart`; DiskError where the file cannot
        be written, has no room, or is being written by somebody else.
        """
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._sidecar = target.with_name(f"{target.name}.part.json")
        self.etag = etag
        self.size = size
        self._saved = 0.0
        self._file = self._opened()
        try:
            self.done = Spans() if restart else self._resumed()
            with self._explained():
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

    def put(self, start: int, data: bytes | memoryview) -> None:
        """Write bytes to their place. Any thread may; `mark` makes them count."""
        view = memoryview(data)
        with self._explained():
            while view:
                written = _write(self._file, view, start)
                view, start = view[written:], start + written

    def mark(self, start: int, stop: int) -> None:
        """Count bytes as there, and note it now and then."""
        self.done.add(start, stop)
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            self.save()

    def missing(self) -> list[Span]:
        """The ranges that are not there yet."""
        return self.done.missing(self.size)

    def save(self) -> None:
        """Note what is there, so that who is killed after this loses nothing of it."""
        note = {"version": VERSION, "etag": self.etag, "size": self.size, "done": list(self.done)}
        fresh = self._sidecar.with_name(f"{self._sidecar.name}.new")
        with self._explained():
            fresh.write_text(json.dumps(note))
            fresh.replace(self._sidecar)
        self._saved = time.monotonic()

    def finish(self) -> None:
        """Give the whole file its name, once the disk has all of it."""
        assert not self.missing()
        with self._explained():
            os.fsync(self._file)
            self.path.replace(self.target)
            self._sidecar.unlink(missing_ok=True)

    def spoil(self) -> None:
        """Forget what is there: the next one begins anew."""
        self.done = Spans()
        with self._explained():
            self._sidecar.unlink(missing_ok=True)

    def _resumed(self) -> Spans:
        """What an earlier one has left."""
        note = _read_note(self._sidecar)
        if note is None or os.fstat(self._file).st_size != note["size"]:
            return Spans()
        if (note["etag"], note["size"]) != (self.etag, self.size):
            raise MismatchError(
                f"{self.path} holds a part of another file: name another output, or begin anew with --restart"
            )
        return Spans((start, min(stop, self.size)) for start, stop in note["done"])

    def _opened(self) -> int:
        """The part, open and locked. One that another process has meanwhile given its name is left alone."""
        while True:
            with self._explained():
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
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _unwritable(self.path, error, self.size) from None


def unreadable(path: Path, error: OSError) -> DiskError:
    """What to say of a file that the system does not let us read."""
    return DiskError(f"{path} cannot be read ({_reason(error)}): name a file that can")


def _unwritable(path: Path, error: OSError, needed: int) -> DiskError:
    reason = f"{_reason(error)}, {needed:,} bytes are needed in all"
    return DiskError(f"{path} cannot be written ({reason}): make room, or name another output")


def _reason(error: OSError) -> str:
    return (error.strerror or "the system refuses it").lower()


def _read_note(path: Path) -> dict[str, Any] | None:
    """What a sidecar says, or None where it is missing or damaged."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        note = json.loads(path.read_bytes())
        right = note["version"] == VERSION and type(note["etag"]) is str and type(note["size"]) is int
        spans = [(start, stop) for start, stop in note["done"]]
        if right and all(type(start) is type(stop) is int and 0 <= start <= stop for start, stop in spans):
            return {"etag": note["etag"], "size": note["size"], "done": spans}
    return None


def _allocate(file: int, size: int) -> None:
    """Give the file its full size, and where the system can do so the room for it."""
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
    """Write some of the bytes, at an offset; how many."""
    if hasattr(os, "pwrite"):
        return os.pwrite(file, data, at)
    os.lseek(file, at, os.SEEK_SET)
    return os.write(file, data)
