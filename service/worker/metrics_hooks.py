"""Metrics hooks of the worker: counters and histograms to be filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import ParamSpec, TypeVar

from tensorseed.files.virtual_file import VirtualFile

P = ParamSpec("P")
T = TypeVar("T")
Kind = tuple[str, str]
"""The names of a scheme and a dtype."""


class WorkerMetrics:
    """Hooks that the worker calls for every chunk, from any thread. These do nothing."""

    def add_generated_bytes(self, scheme: str, dtype: str, nbytes: int) -> None:
        """Count `nbytes` computed bytes of tensors of one init scheme and dtype."""

    def record_generation_seconds(self, seconds: float) -> None:
        """Record how long a chunk took to compute."""

    def record_queue_seconds(self, seconds: float) -> None:
        """Record how long a cheap chunk waited for a thread."""


NO_METRICS = WorkerMetrics()


def record_chunk(metrics: WorkerMetrics, file: VirtualFile, start: int, stop: int, started: float) -> None:
    """Record the bytes [start, stop) of `file`, whose computation began at `started`.

    `started` is a `time.perf_counter()`. A chunk of many tensors is counted by scheme and dtype.
    """
    if metrics is NO_METRICS:
        return
    record_computed(metrics, generated_bytes(file, start, stop), started)


def record_computed(metrics: WorkerMetrics, generated: Mapping[Kind, int], started: float) -> None:
    """Record bytes by scheme and dtype, whose computation began at `started`."""
    metrics.record_generation_seconds(perf_counter() - started)
    for (scheme, dtype), nbytes in generated.items():
        metrics.add_generated_bytes(scheme, dtype, nbytes)


def generated_bytes(file: VirtualFile, start: int, stop: int) -> Mapping[Kind, int]:
    """The bytes of tensors within [start, stop) of a file, by scheme and dtype."""
    sums: dict[Kind, int] = {}
    for portion in file.portions(start, stop):
        nbytes = (portion.stop - portion.start) * portion.tensors
        if nbytes > 0:
            tensor = portion.entry.tensor
            kind = tensor.scheme.kind, tensor.dtype.name
            sums[kind] = sums.get(kind, 0) + nbytes
    return sums


def time_queue(metrics: WorkerMetrics, function: Callable[P, T]) -> Callable[P, T]:
    """Wrap `function` so that it records the time between this call and its own."""
    if metrics is NO_METRICS:
        return function
    submitted = perf_counter()

    def timed(*args: P.args, **kwargs: P.kwargs) -> T:
        metrics.record_queue_seconds(perf_counter() - submitted)
        return function(*args, **kwargs)

    return timed
