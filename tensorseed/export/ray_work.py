"""Work of an export on a Ray cluster: a task an object, with retries."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import ray
from ray.exceptions import RayError

from tensorseed.checkpoints.repo_files import RepoFile
from tensorseed.client.progress import Progress
from tensorseed.devices.local import local_settings
from tensorseed.export.checkpoint import Checkpoint, Origin, open_checkpoint
from tensorseed.export.destination import Destination
from tensorseed.export.manifest import Record
from tensorseed.export.objects import Outcome, Writing
from tensorseed.export.run import Work
from tensorseed.ray_cluster import check_versions, cluster_error, versions

RETRIES = 5  # of a task whose worker dies
LARGE_BYTES = 128 << 20  # of an object that reports its bytes while it is under way
REPORT_SECONDS = 0.5


class Counts:
    """The bytes of each object that is under way, in a process of Ray's own."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}

    def set(self, path: str, done: int) -> None:
        """So many bytes of an object are done; a task that is started again begins anew."""
        self._done[path] = done

    def get(self) -> Mapping[str, int]:
        """The bytes by path."""
        return self._done


@lru_cache(maxsize=1)
def _opened(origin: Origin) -> Checkpoint:
    """The checkpoint, once for the tasks of a worker."""
    return open_checkpoint(origin)


def export_object(
    origin: Origin,
    path: str,
    known: Record | None,
    destination: str,
    attempts: int,
    verify: bool,
    ours: Mapping[str, str],
    counts: Any,
) -> Outcome:
    """Have one object be there, in a worker; what a killed one left is removed first.

    `ours` are the versions of the process that exports.

    Raises:
        ClientError: as `Writing.ensure`.
        ClusterError: the worker has other versions.
    """
    check_versions(versions(*ours), ours)
    os.environ.setdefault("TENSORSEED_THREADS", "1")
    file = next(file for file in _opened(origin).files if file.path == path)
    target = Destination(destination, attempts)
    target.abort_stale([path])
    progress = _reporting(counts, path) if file.size >= LARGE_BYTES else lambda _: None
    return Writing(target, local_settings(1), verify, progress=progress).ensure(file, known)


def _reporting(counts: Any, path: str) -> Progress:
    """Report the bytes of an object now and then, without waiting for anybody."""
    done, spoke = 0, time.monotonic()

    def progress(count: int) -> None:
        nonlocal done, spoke
        done += count
        if time.monotonic() - spoke >= REPORT_SECONDS:
            spoke = time.monotonic()
            counts.set.remote(path, done)

    return progress


def ray_work(
    checkpoint: Checkpoint,
    destination: Destination,
    attempts: int,
    progress: Progress,
    *,
    verify: bool = False,
) -> Work:
    """Work on the workers of the cluster that this process uses. A folder is one that all of them share."""
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(export_object)
    place = destination.name if destination.folder is None else str(destination.folder)
    more = (place, attempts, verify, versions("tensorseed"))

    def work(files: Sequence[tuple[RepoFile, Record | None]]) -> Iterator[Outcome]:
        large = any(file.size >= LARGE_BYTES for file, _ in files)
        counts: Any = ray.remote(num_cpus=0)(Counts).remote() if large else None
        shown = _Shown(progress)
        running = [task.remote(checkpoint.origin, file.path, known, *more, counts) for file, known in files]
        try:
            while running:
                ended, running = ray.wait(running, timeout=REPORT_SECONDS if large else None)
                if large:
                    shown.take(_read(counts))
                for one in ended:
                    outcome = _result(one)
                    shown.take({outcome.record.path: outcome.record.size}, whole=True)
                    yield outcome
        finally:
            for one in running:
                ray.cancel(one, force=True)
            if large:
                ray.kill(counts)

    return work


class _Shown:
    """What a progress has heard of each object, so that it hears of what is new alone."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress
        self._heard: dict[str, int] = {}
        self._whole: set[str] = set()

    def take(self, done: Mapping[str, int], *, whole: bool = False) -> None:
        """Say how many bytes more there are; fewer of an object whose task was started again."""
        for path, count in done.items():
            if path not in self._whole:
                self._progress(count - self._heard.get(path, 0))
                self._heard[path] = count
        if whole:
            self._whole.update(done)


def _read(counts: Any) -> Mapping[str, int]:
    with suppress(RayError):  # the export goes on without them
        found: Mapping[str, int] = ray.get(counts.get.remote())
        return found
    return {}


def _result(reference: ray.ObjectRef[Outcome]) -> Outcome:
    """The result of a task.

    Raises:
        TensorseedError: the task failed with it.
        ClusterError: the worker has other versions, lacks a package, or workers died again and again.
    """
    try:
        return ray.get(reference)
    except RayError as error:
        raise cluster_error(error, "a task of Ray", extra="tensorseed[export]") from None
