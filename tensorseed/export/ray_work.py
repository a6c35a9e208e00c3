"""Work of an export on a Ray cluster: a task an object, with retries."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache

import ray
from ray.exceptions import RayError, RayTaskError

from tensorseed.checkpoints.repo_files import RepoFile
from tensorseed.client.errors import ClientError, NetworkError
from tensorseed.client.progress import Progress
from tensorseed.devices.local import local_settings
from tensorseed.export.checkpoint import Checkpoint, Origin, open_checkpoint
from tensorseed.export.destination import Destination
from tensorseed.export.manifest import Record
from tensorseed.export.objects import Outcome, Writing
from tensorseed.export.run import Work

RETRIES = 5  # of a task whose worker dies
LOCAL = "local"  # an address that starts Ray on this machine


@lru_cache(maxsize=1)
def _opened(origin: Origin) -> Checkpoint:
    """The checkpoint, once for the tasks of a worker."""
    return open_checkpoint(origin)


def export_object(
    origin: Origin, path: str, known: Record | None, destination: str, attempts: int, verify: bool
) -> Outcome:
    """Have one object be there, in a worker; what a killed one left is removed first.

    Raises:
        ClientError: as `Writing.ensure`.
    """
    os.environ.setdefault("TENSORSEED_THREADS", "1")
    file = next(file for file in _opened(origin).files if file.path == path)
    target = Destination(destination, attempts)
    target.abort_stale([path])
    return Writing(target, local_settings(1), verify).ensure(file, known)


def connect(address: str) -> None:
    """Connect to a cluster unless this process is, or start Ray here where the address is `local`.

    Raises:
        NetworkError: no cluster answers there.
    """
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=True)
    except (ConnectionError, RayError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise NetworkError(
            f"no Ray cluster is at {address} ({reason}): start one, or correct --ray"
        ) from None


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

    def work(files: Sequence[tuple[RepoFile, Record | None]]) -> Iterator[Outcome]:
        running = [
            task.remote(checkpoint.origin, file.path, known, place, attempts, verify) for file, known in files
        ]
        try:
            while running:
                (ended, *_), running = ray.wait(running)
                outcome = _result(ended)
                progress(outcome.record.size)
                yield outcome
        finally:
            for one in running:
                ray.cancel(one, force=True)

    return work


def _result(reference: ray.ObjectRef[Outcome]) -> Outcome:
    """The result of a task.

    Raises:
        ClientError: the task failed with it, or its workers died again and again.
    """
    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, ClientError):
            raise error.cause from None
        raise
    except RayError as error:
        reason = str(error).partition("\n")[0]
        raise NetworkError(f"a task of Ray failed ({reason}): the same command goes on from here") from None
