"""Run of an export: what is left to do, and the manifest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from tensorseed.checkpoints.repo_files import RepoFile
from tensorseed.client.errors import DiskError, RefusedError
from tensorseed.client.progress import Progress
from tensorseed.concurrency.float_environment import reset_float_environment
from tensorseed.devices.local import LocalSettings
from tensorseed.export.checkpoint import Checkpoint
from tensorseed.export.destination import Destination
from tensorseed.export.manifest import (
    MANIFEST,
    MAX_BYTES,
    PARTS,
    REPLACED,
    Manifest,
    Record,
    is_plain,
    part_path,
    read_manifest,
    write_manifest,
)
from tensorseed.export.objects import MAX_AHEAD_BYTES, THREAD_AHEAD_BYTES, Outcome, Writing
from tensorseed.export.shares import WHOLE, Share

MAX_WRITERS = 8  # objects at a time into a folder
MAX_UPLOADS = 2  # objects at a time to a store, which share the parts under way
HEADS = 16  # requests at a time that only look
SAVE_SECONDS = 1.0  # between two writes of the records of small objects
SAVE_BYTES = 1 << 20  # of an object whose record is written at once


class Work(Protocol):
    """Has objects be there: here, or on other machines."""

    def __call__(self, files: Sequence[tuple[RepoFile, Record | None]]) -> Iterator[Outcome]:
        """Yield the outcome of every object, as it becomes whole."""


@dataclass
class Export:
    """A share of a checkpoint on its way to a destination."""

    checkpoint: Checkpoint
    destination: Destination
    share: Share = WHOLE
    force: bool = False
    aborted: int | None = 0
    """Unfinished uploads of killed writers that were removed; None where the store lists none."""
    files: list[RepoFile] = field(default_factory=list)
    known: dict[str, Record] = field(default_factory=dict)
    _stored: dict[str, Record] = field(default_factory=dict)
    _paths: list[str] = field(default_factory=list)
    _saved: float = 0.0

    def prepare(self) -> None:
        """Look at what is there: the manifest, its parts, and what killed writers left, which is removed.

        Raises:
            DiskError: other files have the names of the objects, or the disk has no room.
            RefusedError: the destination holds another export, or its store refuses the request.
            NetworkError: the store did not answer as it should.
        """
        self.files = self.checkpoint.share(self.share.index, self.share.count)
        found = list(self._manifests())
        others = [one for one in found if one.identity != self.checkpoint.identity]
        if others and not self.force:
            raise RefusedError(
                f"{self.destination.name} holds an export of {others[0].name}: name another DEST, or "
                "replace it with force=True"
            ).naming("force")
        own = [one for one in found if one.identity == self.checkpoint.identity]
        self.known = {path: record for one in own for path, record in one.records.items()}
        self._stored = dict(self.known)
        lacking = self._lacking(others)
        names = (MANIFEST, part_path(self.share.index, self.share.count))
        self._paths = [*(file.path for file in self.files), *names, *lacking]
        self.aborted = self.destination.abort_stale(self._paths)
        self._look(foreign=not own and not self.force)
        if others:
            self._remove(lacking)
        if not own:
            self.save([], always=True)

    def _lacking(self, others: Sequence[Manifest]) -> list[str]:
        """The paths of objects of other exports that this checkpoint does not have."""
        own = {file.path for file in self.checkpoint.files}
        listed = {path for other in others for path in other.records}
        return sorted(path for path in listed - own if is_plain(path))

    def _remove(self, lacking: Sequence[str]) -> None:
        """Remove other exports: their manifest, then the objects that this checkpoint lacks, then the parts.

        The manifest goes first, since it says that the export is whole. A part keeps its records until the
        objects are gone, so that a run that follows a killed one finds them too.
        """
        text = self.destination.read(MANIFEST, MAX_BYTES)
        manifest = read_manifest(text)
        if text is not None and manifest is not None and manifest.identity != self.checkpoint.identity:
            self.destination.write(REPLACED, text, len(text))
            self.destination.delete([MANIFEST])
        self.destination.delete(lacking)
        for path in self.destination.paths(PARTS):
            part = read_manifest(self.destination.read(path, MAX_BYTES))
            if part is not None and part.identity != self.checkpoint.identity:
                self.destination.delete([path])

    def _look(self, *, foreign: bool) -> None:
        """Check names and room. With `foreign` no object may be there yet."""
        with ThreadPoolExecutor(HEADS) as pool:
            there = list(pool.map(lambda file: self.destination.head(file.path), self.files))
        if foreign:
            for file, stored in zip(self.files, there, strict=True):
                if stored is not None and not list(self._manifests()):
                    raise DiskError(
                        f"{self.destination.name} has a {file.path} that no export wrote: name another DEST, "
                        "or replace it with force=True"
                    ).naming("force")
        self.destination.check_room(
            sum(
                file.size - (0 if stored is None else stored.size)
                for file, stored in zip(self.files, there, strict=True)
                if stored is None or stored.size != file.size
            )
        )

    def _manifests(self) -> Iterator[Manifest]:
        """The manifest and its parts, as far as they are there."""
        for path in (MANIFEST, *self.destination.paths(PARTS)):
            manifest = read_manifest(self.destination.read(path, MAX_BYTES))
            if manifest is not None:
                yield manifest

    def save(self, done: Iterable[Record], *, soon: bool = True, always: bool = False) -> None:
        """Write the records of this share so far; not `soon` only now and then.

        Records that are all there already are written `always` alone.
        """
        now = time.monotonic()
        if soon or now - self._saved >= SAVE_SECONDS:
            own = {file.path for file in self.files}
            records = {path: record for path, record in self.known.items() if path in own}
            records |= {record.path: record for record in done}
            if not always and records.items() <= self._stored.items():
                return
            self._stored |= records
            text = write_manifest(self.checkpoint, records.values())
            self.destination.write(part_path(self.share.index, self.share.count), text, len(text))
            self._saved = now

    def run(self, work: Work) -> Iterator[Outcome]:
        """Have every object of the share be there, and write the manifest once all of them are.

        Uploads that nobody needs any longer are aborted then, and no sooner: of two runs of one share each
        would fail the other, for ever where something starts them again.

        Raises:
            ClientError: as `Writing.ensure`.
        """
        done: list[Record] = []
        try:
            for outcome in work([(file, self.known.get(file.path)) for file in self.files]):
                done.append(outcome.record)
                self.save(done, soon=outcome.record.size >= SAVE_BYTES)
                yield outcome
        finally:
            self.save(done)
        self._finish(done)
        if self.aborted is not None and self.destination.folder is None:
            self.aborted += self.destination.abort_stale(self._paths, whole=True) or 0

    def _finish(self, done: Sequence[Record]) -> None:
        """Write the manifest and remove the parts, where the records of all objects are there."""
        parts = self.destination.paths(PARTS)
        records = {
            path: record
            for one in self._manifests()
            if one.identity == self.checkpoint.identity
            for path, record in one.records.items()
        }
        records |= {record.path: record for record in done}
        paths = {file.path for file in self.checkpoint.files}
        if paths <= records.keys():
            text = write_manifest(self.checkpoint, [records[path] for path in sorted(paths)])
            if self.destination.read(MANIFEST, MAX_BYTES) != text:
                self.destination.write(MANIFEST, text, len(text))
            self.destination.delete(parts)


def local_work(
    destination: Destination, settings: LocalSettings, progress: Progress, *, verify: bool = False
) -> Work:
    """Work on the threads of this machine, several objects at a time."""
    stop = threading.Event()

    def work(files: Sequence[tuple[RepoFile, Record | None]]) -> Iterator[Outcome]:
        ahead = min(MAX_AHEAD_BYTES, THREAD_AHEAD_BYTES * settings.threads)
        maximum = MAX_UPLOADS if destination.folder is None else MAX_WRITERS
        writers = max(1, min(settings.threads, maximum, len(files)))
        each = settings._replace(threads=max(1, settings.threads // writers))
        writing = Writing(destination, each, verify, stop.is_set, progress, ahead // writers)
        yield from _in_turn(
            [lambda file=file, known=known: writing.ensure(file, known) for file, known in files],  # type: ignore[misc]
            writers,
            stop,
        )

    return work


def _in_turn(
    calls: Sequence[Callable[[], Outcome]], writers: int, stop: threading.Event
) -> Iterator[Outcome]:
    """Yield the results of calls as they come; the first failure stops those under way, and is raised."""
    waiting = iter(calls)
    pool = ThreadPoolExecutor(writers, "export", initializer=reset_float_environment)
    try:
        running: set[Future[Outcome]] = {pool.submit(call) for call in islice(waiting, writers)}
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(call) for call in islice(waiting, len(ended))}
            for one in ended:
                yield one.result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
