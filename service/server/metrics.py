"""Prometheus metrics.

Each `Metrics` has a registry of its own. Several processes keep their values in files of one folder, which
prometheus-client reads together. Any process answers for all. The variable PROMETHEUS_MULTIPROC_DIR must name
the folder before the package is imported.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import Response

from ..processes.worker_process import CAUSES
from ..worker.metrics_hooks import WorkerMetrics

if TYPE_CHECKING:
    from ..http.concurrency_limit import ConcurrencyLimit
    from ..worker.worker import Worker
    from .graceful_shutdown import GracefulShutdown

disable_created_metrics()  # type: ignore[no-untyped-call]

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})  # any other is counted as "other"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
CHUNK_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)


class Metrics(WorkerMetrics):
    """The metrics of one application. Several processes share them in `folder`; None for one process."""

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "tensorseed_requests",
            "Requests answered, by route template, method and status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self.request_seconds = Histogram(
            "tensorseed_request_seconds",
            "Seconds from a request's head to the last byte of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self.sent_bytes = Counter(
            "tensorseed_sent_bytes", "Bytes of answers' bodies.", ("route",), registry=registry
        )
        self.cancelled = Counter(
            "tensorseed_cancelled_streams",
            "Answers that ended before their last byte, as a rule because the client left.",
            registry=registry,
        )
        self.generated_bytes = Counter(
            "tensorseed_generated_bytes",
            "Bytes of tensors computed, by init scheme and dtype.",
            ("scheme", "dtype"),
            registry=registry,
        )
        self.generation_seconds = Histogram(
            "tensorseed_generation_seconds",
            "Seconds that a chunk took to compute.",
            buckets=CHUNK_SECONDS,
            registry=registry,
        )
        self.queue_seconds = Histogram(
            "tensorseed_queue_seconds",
            "Seconds that a chunk waited for a thread.",
            buckets=CHUNK_SECONDS,
            registry=registry,
        )
        self.worker_deaths = Counter(
            "tensorseed_worker_deaths",
            "Processes that died, by cause: a signal, an error, or a hang, for which they are killed.",
            ("cause",),
            registry=registry,
        )
        for cause in CAUSES:
            self.worker_deaths.labels(cause)
        self.cut_streams = Counter(
            "tensorseed_cut_streams",
            "Files that processes streamed when they died, up to a second before.",
            registry=registry,
        )
        self.active_streams = Gauge(
            "tensorseed_active_streams",
            "Files being streamed.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.active_evaluations = Gauge(
            "tensorseed_active_evaluations",
            "Evaluations and losses under way, waiting ones included.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.ready = Gauge(
            "tensorseed_ready_processes",
            "Processes that serve: started and not closing.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.device_memory = Gauge(
            "tensorseed_device_memory_bytes",
            "Memory of the devices in use so far, by kind: total or free.",
            ("device", "kind"),
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.build = Gauge(
            "tensorseed_build",
            "1, with the version that runs.",
            ("version",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.build.labels(version("tensorseed")).set(1)
        if folder is None:
            ProcessCollector(registry=registry)
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter]] = {}
        self._generated: dict[tuple[str, str], Counter] = {}

    def record_request(
        self, route: str, method: str, status: int, seconds: float, nbytes: int, *, complete: bool
    ) -> None:
        """Count a request; status 0 if the client left before any answer."""
        key = route, method if method in METHODS else "other", status
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
            self.cancelled.inc()

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

    def record_worker_death(self, pid: int, cause: str) -> None:
        """Count the death of another process that shares the folder, and the streams that it cut."""
        self.worker_deaths.labels(cause).inc()
        self.cut_streams.inc(_last_streams(self.folder, pid) if self.folder else 0)

    def refresh(
        self, worker: Worker, streams: ConcurrencyLimit, jobs: ConcurrencyLimit, shutdown: GracefulShutdown
    ) -> None:
        """Set the gauges: active work, readiness and memory."""
        self.active_streams.set(streams.active)
        self.active_evaluations.set(jobs.active)
        self.ready.set(shutdown.ready)
        for device in worker.known_devices():
            memory = device.memory()
            if memory is not None:
                self.device_memory.labels(device.name, "total").set(memory.total)
                self.device_memory.labels(device.name, "free").set(memory.free)

    def text(self) -> bytes:
        """The metrics in Prometheus's text format, those of all processes together."""
        return generate_latest(self.collected())

    def collected(self) -> CollectorRegistry:
        """The registry of all processes."""
        return self.registry if self.folder is None else shared_registry(self.folder)


def _last_streams(folder: str, pid: int) -> float:
    """The active streams that a process has noted last."""
    from prometheus_client.multiprocess import MultiProcessCollector

    paths = [str(path) for path in Path(folder).glob(f"gauge_livesum_{pid}.db")]
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


async def metrics(request: Request) -> Response:
    """The metrics of all processes, for Prometheus."""
    state = request.app.state
    state.refresh_metrics()
    return Response(
        state.metrics.text(), headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST
    )
