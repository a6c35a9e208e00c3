"""Evaluation of points by the warm workers of a Ray cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tensorseed.ray_cluster import check_versions, cluster_error
from tensorseed.sweeps.computing import compute_on_ray, failure, versions
from tensorseed.sweeps.workers import DIED, Answered, Task

AHEAD = 2  # tasks for each core that are with the cluster at a time
RETRIES = 3  # of a task whose worker or node dies


def compute(tasks: Iterable[Task], cores: int) -> Iterator[Answered]:
    """Yield the answer to each task, in the order in which they are done, one core of the cluster for each.

    Ray repeats a task whose worker or node dies, and keeps workers for the next task. In the end it fails.

    Raises:
        ClusterError: a worker has other versions than this process, or the cluster cannot run tasks.
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
                raise cluster_error(
                    error, f"point {task.index:,} on Ray", extra="tensorseed and torch"
                ) from None
            check_versions(answer["versions"], wanted)
            yield task, answer
    finally:
        for left in waiting:
            ray.cancel(left)
