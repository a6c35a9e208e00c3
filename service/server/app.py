"""Factory of the application."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from starlette.datastructures import State
from starlette.routing import Route

from tensorseed.sampling.machine_code.target import choose

from ..http.concurrency_limit import ConcurrencyLimit
from ..http.context import JobsContext
from ..http.errors import Limit
from ..http.memory import MemoryBudget
from ..hub.context import HubContext
from ..settings import Settings
from ..settings.environment import read_environment
from ..weights.context import WeightsContext
from ..worker.worker import Worker
from .connections.pipeline import METRICS
from .error_handlers import install_handlers
from .graceful_shutdown import GracefulShutdown
from .keys import KeysFile
from .metrics import Metrics, metrics
from .middleware import surround
from .openapi import install_openapi
from .request_telemetry import labels
from .route_groups import METRICS_PATH, PAGES, ROUTE_GROUPS
from .traces import start_traces

SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # of prometheus-client, read when it is imported
REFRESH_SECONDS = 1.0

# The framework's own would record paths, queries and messages of exceptions: see `request_telemetry`.
NO_TELEMETRY = TelemetryConfig(tracing=False, metrics=False, logs=False, auto_configure=False)

DESCRIPTION = """
A weight file is a pure function of its spec: the same spec gives the same bytes on every machine, and any
byte can be read alone. Post a spec, or put it into a query, and get a safetensors file; its entity tag and
its URL name those bytes for good. Errors are problem documents (RFC 9457) whose `type` is stable and whose
`detail` names the remedy.
""".strip()


def create_app(settings: Settings | None = None, folder: str | None = None) -> FastAPI:
    """The service as an ASGI application, for any ASGI server. Several processes share metrics in `folder`.

    Without settings, it has those of the environment, and the folder of prometheus-client's own variable.

    Raises:
        SettingsError: Variables of the environment have no valid value.
        KeysFileError: The keys file is not valid.
        RecipeError: A recipe of the folders is not valid.
        TracesError: Traces cannot be recorded.
    """
    if settings is None:
        settings, folder = read_environment(), os.environ.get(SHARED_METRICS)
    keyring = None if settings.keys_file is None else KeysFile(settings.keys_file)
    traces = start_traces() if settings.traces else None
    app: FastAPI = FastAPIOffline(
        redoc_url=None,
        static_url="/docs/assets",
        title="tensorseed",
        version=version("tensorseed"),
        summary="Initialised weight tensors over HTTP",
        description=DESCRIPTION,
        redirect_slashes=False,
        lifespan=_lifespan,
        telemetry=NO_TELEMETRY,
    )
    app.state.keyring = keyring
    app.state.metrics = Metrics(folder)
    app.state.metrics.workers.set(settings.workers)
    app.state.traces = traces
    app.state.shutdown = GracefulShutdown(settings.notice_seconds, settings.grace_seconds)
    _create_contexts(app, settings)
    if not settings.metrics_port:
        app.add_api_route(METRICS_PATH, metrics, include_in_schema=False)
    _answer_head(app)
    for group in ROUTE_GROUPS:
        for router in group.routers:
            app.router.routes.extend(router.routes)  # one list to match, rather than a tree
    app.router.routes.extend(PAGES.routes)
    app.state.metrics.declare(labels(app.routes))
    install_handlers(app)
    install_openapi(app)
    app.middleware_stack = surround(
        app.build_middleware_stack(),
        settings,
        app.state.shutdown,
        app.state.metrics,
        app.state.memory,
        keyring,
        traces.tracer if traces else None,
        frozenset(route.path for route in app.routes if isinstance(route, Route) and "{" not in route.path),
    )
    return app


def _create_contexts(app: FastAPI, settings: Settings) -> None:
    """Create the worker and the limits, and hand each domain its own context."""
    if settings.portable_kernels:
        choose()
    state = app.state
    state.memory = MemoryBudget(settings.memory_bytes)
    state.worker = Worker(
        settings.thread_count(),
        settings.chunk_bytes,
        settings.window,
        settings.cache_folder(),
        settings.materialised_bytes,
        metrics=state.metrics,
        memory=state.memory,
    )
    state.streams = ConcurrencyLimit(Limit.STREAMS, settings.streams, "streams files")
    state.evaluations = ConcurrencyLimit(Limit.EVALUATIONS, settings.evaluations, "computes evaluations")
    state.losses = ConcurrencyLimit(Limit.LOSSES, settings.evaluations, "computes losses")
    state.weights = WeightsContext.create(settings, state.worker, state.streams)
    state.computations = JobsContext(
        settings, settings.limits(), state.worker, state.evaluations, state.losses, state.streams
    )
    state.hub = HubContext.create(settings, state.worker, state.streams)
    state.refresh_metrics = partial(
        state.metrics.refresh,
        state.worker,
        state.streams,
        state.evaluations,
        state.losses,
        state.memory,
        state.shutdown,
    )


def _answer_head(app: FastAPI) -> None:
    """Let the framework's pages of documentation answer HEAD, too."""
    for route in app.routes:
        if isinstance(route, Route | APIRoute) and "GET" in (route.methods or ()):
            route.methods = {*(route.methods or ()), "HEAD"}


def _reclaim(state: State, loop: asyncio.AbstractEventLoop) -> bool:
    """Let the loop free the memory of requests that caches alone hold. Return whether they hold any."""
    caches = (state.worker, state.weights.files)
    holding = [cache for cache in caches if cache.cached]
    for cache in holding:
        loop.call_soon_threadsafe(cache.clear)
    return bool(holding)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Start the worker and the tasks of the application, and close them."""
    state = app.state
    await state.worker.start()
    state.memory.reclaim = partial(_reclaim, state, asyncio.get_running_loop())
    tasks = [asyncio.ensure_future(_refresh(state.metrics, state.weights.settings, state.refresh_metrics))]
    if state.keyring is not None:
        tasks.append(asyncio.ensure_future(state.keyring.keep_fresh()))
    try:
        with state.shutdown.serving():
            yield {METRICS: state.metrics}
    finally:
        for task in tasks:
            task.cancel()
        state.hub.derivations.close()
        await state.worker.close()
        if state.traces is not None:
            await state.traces.close()


async def _refresh(metrics: Metrics, settings: Settings, refresh: Callable[[], None]) -> None:
    """Refresh the gauges that other processes or the metrics port read."""
    while metrics.folder is not None or settings.metrics_port:
        refresh()
        await asyncio.sleep(REFRESH_SECONDS)
