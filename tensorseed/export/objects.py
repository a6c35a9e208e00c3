"""Objects of an export: kept where right, else generated and hashed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum

from tensorseed.checkpoints.repo_files import RepoFile, WeightsFile
from tensorseed.client.errors import MismatchError
from tensorseed.client.local_compute import computation_of
from tensorseed.client.progress import Progress
from tensorseed.concurrency.buffers import Bytes
from tensorseed.devices.local import LocalSettings
from tensorseed.errors import TensorseedError
from tensorseed.export.destination import MIN_PARTS_AHEAD, PART_BYTES, Destination, Stored, part_bytes
from tensorseed.export.manifest import Record

THREAD_AHEAD_BYTES = 12 << 20  # of parts under way from a process for each of its threads
MAX_AHEAD_BYTES = 24 << 20


class StoppedError(TensorseedError):
    """Another object failed, or the export is interrupted: the upload under way is aborted."""


class State(StrEnum):
    """What became of an object."""

    KEPT = "kept"
    WRITTEN = "written"
    REPLACED = "replaced"


@dataclass(frozen=True)
class Outcome:
    """An object that is whole, and what became of it."""

    record: Record
    state: State


@dataclass(frozen=True)
class Writing:
    """How objects are written: where, on which threads, until when, and who hears of the bytes.

    `verify` reads every object back, those too that were just written.
    `ahead_bytes` bounds the parts of each object that are under way to a store.
    """

    destination: Destination
    settings: LocalSettings
    verify: bool = False
    stopping: Callable[[], bool] = threading.Event().is_set
    progress: Progress = lambda _: None
    ahead_bytes: int = THREAD_AHEAD_BYTES

    def ensure(self, file: RepoFile, known: Record | None) -> Outcome:
        """Have an object be there with the right bytes. `known` is the record of an earlier run.

        Raises:
            RefusedError: this host cannot compute the object, or the store refuses it.
            NetworkError: the store did not answer as it should.
            DiskError: the disk is full, or refuses the object.
            MismatchError: what was just written reads back as something else.
        """
        there = self.destination.head(file.path)
        if there is not None and known is not None and there.size == file.size == known.size:
            kept = self._kept(known, there)
            if kept is not None:
                self.progress(file.size)
                return Outcome(kept, State.KEPT)
        record = self._written(file)
        if self.verify and self._digest(file.path) != record.sha256:
            raise MismatchError(f"{file.path} reads back as something else than was written: export it again")
        return Outcome(record, State.WRITTEN if there is None else State.REPLACED)

    def _kept(self, known: Record, there: Stored) -> Record | None:
        """The record of an object that is right as it is. One of another entity tag is read back."""
        if there.etag == known.etag and not self.verify:
            return known
        if self._digest(known.path) != known.sha256:
            return None
        return replace(known, etag=there.etag)

    def _digest(self, path: str) -> str:
        running = hashlib.sha256()
        for chunk in self.destination.chunks(path):
            self._check()
            running.update(chunk)
        return running.hexdigest()

    def _written(self, file: RepoFile) -> Record:
        if not isinstance(file, WeightsFile):
            self._check()
            text = file.text or b""
            digest = hashlib.sha256(text).hexdigest()
            etag = self.destination.write(file.path, text, len(text))
            self.progress(len(text))
            return Record(file.path, len(text), digest, etag)
        running = hashlib.sha256()
        ahead = max(MIN_PARTS_AHEAD, self.ahead_bytes // part_bytes(file.size))
        with closing(self._chunks(file, ahead, running.update)) as chunks:
            content = b"".join(map(bytes, chunks)) if file.size <= PART_BYTES else chunks
            etag = self.destination.write(file.path, content, file.size, ahead)
        return Record(file.path, file.size, running.hexdigest(), etag)

    def _chunks(self, file: WeightsFile, ahead: int, take: Callable[[memoryview], None]) -> Generator[Bytes]:
        """The bytes of a file of weights in order, as the threads compute them.

        A store holds them for so many parts, and a folder for none.
        """
        held = 0 if self.destination.folder is not None else ahead * part_bytes(file.size)
        with closing(computation_of(file.weights, self.settings, held).chunks()) as chunks:
            for chunk in chunks:
                self._check()
                take(chunk.data)
                self.progress(chunk.size)
                yield chunk

    def _check(self) -> None:
        if self.stopping():
            raise StoppedError("the export was stopped")
