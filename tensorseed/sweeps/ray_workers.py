"""Evaluation of points by the warm workers of a Ray cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tensorseed.errors import TensorseedError
from tensorseed.sweeps.computing import compute_on_ray, failure, versions
from tensorseed.sweeps.workers import DIED, Answered, Task, WorkerError

AHEAD = 2  # tasks for each core that are with the cluster at a time
RETRIES = 3  # of a task whose worker or node dies


class ClusterError(TensorseedError):
    """A cluster that does not answer, or has other versions. The message says what to do."""


def connect(address: str) -> int:
    """Connect to the cluster at `address`, `auto` for one on this machine, and return its cores.

    Raises:
        ClusterError: none answers.
        ImportError: ray is not installed.
    """
    import logging

    import ray

    try:
        if not ray.is_initialized():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise ClusterError(
            f"no Ray cluster answers at {address} ({reason}): start one with ray start --head, "
            "and set RAY_AUTH_MODE=token for one that wants a token"
        ) from None
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 1)))


def compute(tasks: Iterable[Task], cores: int) -> Iterator[Answered]:
    """Yield the answer to each task, in the order in which they are done, one core of the cluster for each.

    Ray repeats a task whose worker or node dies, and keeps workers for the next task. In the end it fails.

    Raises:
        ClusterError: a worker has other versions than this process.
        WorkerError: the cluster cannot run tasks.
    """
    import ray

    function: Any = ray.remote(num_cpus=1, max_retries=RETRIES)(compute_on_ray)
    wanted, source = versions(), iter(tasks)
    waiting: dict[Any, Task] = {}
    try:
        while True:
            while len(waiting) < AHEAD * cores and (task := next(source, None)) is not None:
                waiting[function.remote(task.request)] = task
            if not waiting:
                return
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            task = waiting.pop(done)
            try:
                answer = json.loads(ray.get(done))
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                yield task, failure(DIED)
                continue
            except ray.exceptions.RayError as error:
                why = str(error).strip().rpartition("\n")[2]
                raise WorkerError(f"Ray could not compute point {task.index:,} ({why})") from None
            if answer["versions"] != wanted:
                theirs = " and ".join(f"{name} {value}" for name, value in answer["versions"].items())
                raise ClusterError(f"the cluster has {theirs}: install the versions of this process there")
            yield task, answer
    finally:
        for left in waiting:
            ray.cancel(left)
