"""Prometheus metrics.

Each `Metrics` has a registry of its own. Several processes keep their values in files of one folder, which
prometheus-client reads together. Any process answers for all. The variable PROMETHEUS_MULTIPROC_DIR must name
the folder before the package is imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from mmap import PAGESIZE
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    values,
)
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..http.errors import Limit
from ..processes.worker_process import CAUSES
from ..worker.metrics_hooks import WorkerMetrics
from .error_handlers import PROBLEMS

if TYPE_CHECKING:
    from ..http.concurrency_limit import ConcurrencyLimit
    from ..http.memory import MemoryBudget
    from ..worker.worker import Worker
    from .graceful_shutdown import GracefulShutdown

disable_created_metrics()  # type: ignore[no-untyped-call]

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
OTHER = "other"  # any other method
WATCHED_STATUSES = ("200", "429", "500", "503")  # of alerts and shares
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
CHUNK_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)


class Metrics(WorkerMetrics):
    """The metrics of one application. Several processes share them in `folder`; None for one process."""

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "requests",
            "Requests answered, by route template, method and status.",
            "route",
            "method",
            "status",
        )
        self.request_seconds = Histogram(
            "tensorseed_request_seconds",
            "Seconds from a request's head to the last byte of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.sent_bytes = self._counter("sent_bytes", "Bytes of answers' bodies.", "route")
        self.problems = self._counter("problems", "Requests answered by a problem, by its type.", "type")
        self.rejected = self._counter(
            "rejected_requests", "Requests answered 429, by the limit that was reached.", "limit"
        )
        self.refused_connections = self._counter(
            "refused_connections", "Connections refused since file descriptors ran short."
        )
        self.cancelled = self._counter(
            "cancelled_streams",
            "Answers that ended before their last byte, since the client left or the service stopped.",
        )
        self.failed = self._counter(
            "failed_streams", "Answers that a fault of the service ended before their last byte."
        )
        self.generated_bytes = self._counter(
            "generated_bytes", "Bytes of tensors computed, by init scheme and dtype.", "scheme", "dtype"
        )
        self.generation_seconds = Histogram(
            "tensorseed_generation_seconds",
            "Seconds that a chunk took to compute.",
            buckets=CHUNK_SECONDS,
            registry=self.registry,
        )
        self.queue_seconds = Histogram(
            "tensorseed_queue_seconds",
            "Seconds that a cheap chunk waited for a thread.",
            buckets=CHUNK_SECONDS,
            registry=self.registry,
        )
        self.worker_deaths = self._counter(
            "worker_deaths",
            "Processes that died, by cause: a signal, an error, or a hang, for which they are killed.",
            "cause",
        )
        self.cut_streams = self._counter(
            "cut_streams", "Files that processes streamed when they died, up to a second before."
        )
        self.active_streams = self._gauge("active_streams", "Files being streamed.")
        self.max_streams = self._gauge("max_streams", "Most files that are streamed at a time.")
        self.active_evaluations = self._gauge(
            "active_evaluations", "Evaluations and losses under way, waiting ones included."
        )
        self.max_evaluations = self._gauge(
            "max_evaluations", "Most evaluations and losses at a time, waiting ones included."
        )
        self.workers = self._gauge("workers", "Processes that should serve.", mode="max")  # if none lives
        self.request_memory = self._gauge("request_memory_bytes", "Estimated memory that requests hold.")
        self.ready = self._gauge("ready_processes", "Processes that serve: started and not closing.")
        self.failed_devices = self._gauge("failed_devices", "Devices that failed since the start.")
        self.device_memory = self._gauge(
            "device_memory_bytes",
            "Memory of the devices in use so far, by kind: total or free.",
            "device",
            "kind",
            mode="livemostrecent",
        )
        self.resident_memory = self._gauge(
            "resident_memory_bytes", "Resident memory of the processes that serve."
        )
        self.build = self._gauge("build", "1, with the version that runs.", "version", mode="livemax")
        self.build.labels(version("tensorseed")).set(1)
        if folder is None:
            ProcessCollector(registry=self.registry)
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter]] = {}
        self._generated: dict[tuple[str, str], Counter] = {}
        for kind in PROBLEMS.kinds.values():
            self.problems.labels(kind.name)
        for cause in CAUSES:
            self.worker_deaths.labels(cause)
        for limit in Limit:
            self.rejected.labels(limit.value)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"tensorseed_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str, mode: Any = "livesum") -> Gauge:
        return Gauge(f"tensorseed_{name}", meaning, labels, registry=self.registry, multiprocess_mode=mode)

    def declare(self, labels: Iterable[tuple[str, str]]) -> None:
        """Create the series of routes and methods at 0, since one that begins at 1 shows no increase."""
        for route, method in labels:
            self.sent_bytes.labels(route)
            for status in WATCHED_STATUSES:
                self.requests.labels(route, method, status)

    def record_request(
        self,
        route: str,
        method: str,
        status: int,
        seconds: float,
        nbytes: int,
        *,
        complete: bool,
        failed: bool = False,
    ) -> None:
        """Count a request; status 0 if the client left before any answer."""
        key = route, method if method in METHODS else OTHER, status
        known = self._answers.get(key)
        if known is None:
            known = self._answers[key] = (
                self.requests.labels(*key[:2], str(status or "none")),
                self.request_seconds.labels(route),
                self.sent_bytes.labels(route),
            )
        count, timing, sent = known
        count.inc()
        timing.observe(seconds)
        sent.inc(nbytes)
        if not complete:
            (self.failed if failed else self.cancelled).inc()

    def record_problem(self, kind: str, limit: Limit | None = None) -> None:
        """Count a request that was answered by a kind of problem, with the limit that it exceeded."""
        self.problems.labels(kind).inc()
        if limit is not None:
            self.rejected.labels(limit.value).inc()

    def record_refused_connection(self) -> None:
        """Count a connection that was refused since file descriptors ran short."""
        self.refused_connections.inc()

    def add_generated_bytes(self, scheme: str, dtype: str, nbytes: int) -> None:
        """See `WorkerMetrics`."""
        known = self._generated.get((scheme, dtype))
        if known is None:
            known = self._generated[scheme, dtype] = self.generated_bytes.labels(scheme, dtype)
        known.inc(nbytes)

    def record_generation_seconds(self, seconds: float) -> None:
        """See `WorkerMetrics`."""
        self.generation_seconds.observe(seconds)

    def record_queue_seconds(self, seconds: float) -> None:
        """See `WorkerMetrics`."""
        self.queue_seconds.observe(seconds)

    def record_worker_death(self, name: str, cause: str) -> None:
        """Count the death of another process that shares the folder, and the streams that it cut."""
        self.worker_deaths.labels(cause).inc()
        self.cut_streams.inc(_last_streams(self.folder, name) if self.folder else 0)

    def refresh(
        self,
        worker: Worker,
        streams: ConcurrencyLimit,
        evaluations: ConcurrencyLimit,
        losses: ConcurrencyLimit,
        memory: MemoryBudget,
        shutdown: GracefulShutdown,
    ) -> None:
        """Set the gauges: active work and its limits, readiness, devices and memory."""
        self.active_streams.set(streams.active)
        self.max_streams.set(streams.limit)
        self.active_evaluations.set(evaluations.active + losses.active)
        self.max_evaluations.set(evaluations.limit + losses.limit)
        self.failed_devices.set(len(worker.failed_devices()))
        self.resident_memory.set(resident_memory())
        self.request_memory.set(memory.used)
        self.ready.set(shutdown.ready)
        for device in worker.known_devices():
            sizes = device.memory()
            if sizes is not None:
                self.device_memory.labels(device.name, "total").set(sizes.total)
                self.device_memory.labels(device.name, "free").set(sizes.free)

    def text(self) -> bytes:
        """The metrics in Prometheus's text format, those of all processes together."""
        return generate_latest(self.collected())

    def collected(self) -> CollectorRegistry:
        """The registry of all processes."""
        return self.registry if self.folder is None else shared_registry(self.folder)


def worker_name(number: int) -> str:
    """The name of a worker's files."""
    return f"worker{number}"


def name_values(name: str) -> None:
    """Let this process keep its values in files of a name, rather than of its process id.

    A process that takes a dead one's name goes on with its counters. The files stay as few as the processes,
    however many die.
    """
    values.ValueClass = values.MultiProcessValue(lambda: name)  # type: ignore[no-untyped-call]


def _last_streams(folder: str, name: str) -> float:
    """The active streams that a process has noted last."""
    from prometheus_client.multiprocess import MultiProcessCollector

    paths = [str(path) for path in Path(folder).glob(f"gauge_livesum_{name}.db")]
    families = MultiProcessCollector.merge(paths, accumulate=False)  # type: ignore[no-untyped-call]
    found: list[float] = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "tensorseed_active_streams"
    ]
    return sum(found)


def shared_registry(folder: str) -> CollectorRegistry:
    """The registry of all processes that keep their metrics in `folder`."""
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return registry


def resident_memory() -> int:
    """The bytes of memory that this process holds; 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * PAGESIZE


async def metrics(request: Request) -> Response:
    """The metrics of all processes, for Prometheus."""
    state = request.app.state
    state.refresh_metrics()
    text = await run_in_threadpool(state.metrics.text)  # the files of many processes take a while
    return Response(text, headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST)
