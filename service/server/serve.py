"""The server: uvicorn, with one process or several, as the settings say."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors.multiprocess import Multiprocess

from ..hub.context import open_library
from ..settings import Settings
from .app import create_app
from .graceful_shutdown import Graceful
from .keys import load_keys
from .logs import log_config
from .metrics import shared_registry
from .protocol import ConnectionLimits, LimitedProtocol
from .traces import check_traces

BUSY_SECONDS = 60  # that a process may be busy, starting for one, before the supervisor takes it for dead
LAST_SECONDS = 2  # for what is under way when the grace period has ended, and for connections to close
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # of prometheus-client, read when it is imported


class PortError(ValueError):
    """A port that cannot be listened to. The message names the remedy."""


def serve(settings: Settings) -> None:
    """Serve until told to stop. Raises KeysFileError, RecipeError and TracesError before anything is listened
    to, and PortError.
    """
    if settings.keys_file is not None:
        load_keys(settings.keys_file)
    if settings.traces:
        check_traces()
    if settings.workers > 1:
        open_library(settings)  # faults end the start here, and not that of every process
        _serve_many(settings)
        return
    app = build(settings)
    _tell_metrics(settings, app.registry)
    with suppress(KeyboardInterrupt):  # which the server raises anew once it has stopped
        uvicorn.Server(configure(settings, app)).run()


def configure(settings: Settings, app: Any, **more: Any) -> uvicorn.Config:
    """The configuration of uvicorn."""
    limits = ConnectionLimits(
        settings.url_bytes, settings.header_bytes, settings.header_seconds, settings.idle_seconds
    )
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=log_config(settings.log_format, settings.log_level),
        log_level=settings.log_level,
        access_log=False,  # its lines would hold paths; see service.server.logs
        loop="auto" if sys.platform == "win32" else "uvloop",
        http=partial(LimitedProtocol, limits=limits),  # type: ignore[arg-type]
        ws="none",
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=LAST_SECONDS,
        timeout_worker_healthcheck=BUSY_SECONDS,
        **more,
    )


class Served(Graceful):
    """The application as a server runs it. `registry` holds its metrics."""

    def __init__(self, settings: Settings, folder: str | None) -> None:
        app = create_app(settings, folder)
        super().__init__(app, app.state.lifecycle)
        self.registry = app.state.metrics.registry


def build(settings: Settings, folder: str | None = None) -> Served:
    """The application of one process, which serves it for the rest of its life."""
    served = Served(settings, folder)
    tune_collector()
    end_with_parent()
    return served


def end_with_parent() -> None:
    """Stop this process when the one that supervises it is gone, so that none keeps its port.

    One that is started by itself has no such parent.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def tune_collector() -> None:
    """Let the garbage collector look less often, which halves the time of a plan of 100,000 tensors.

    Such a plan is a million objects, none of them garbage. What exists already lives as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


class Workers(Multiprocess):
    """Several processes; the metrics of one that ended are forgotten where they told its present."""

    def __init__(self, config: uvicorn.Config, sockets: list[Any], folder: str) -> None:
        super().__init__(config, sockets)
        self._folder = folder
        self._known: set[int | None] = set()

    def keep_subprocess_alive(self) -> None:
        """Start another process for one that died."""
        super().keep_subprocess_alive()
        present = {process.pid for process in self.processes}
        for pid in self._known - present:
            mark_process_dead(pid, self._folder)  # type: ignore[no-untyped-call]
        self._known = present


def _tell_metrics(settings: Settings, registry: CollectorRegistry) -> None:
    """Serve the metrics on their own port, if they have one. Raises PortError."""
    if not settings.metrics_port:
        return
    try:
        start_http_server(settings.metrics_port, settings.host, registry)
    except OSError as error:
        place = f"port {settings.metrics_port} of {settings.host}"
        raise PortError(f"the metrics cannot have {place}: {error.strerror}: choose another one") from None


def _serve_many(settings: Settings) -> None:
    """Several processes that listen to one socket. Each builds an application of its own."""
    with tempfile.TemporaryDirectory(prefix="tensorseed-") as folder:
        os.environ[SHARED_METRICS] = folder
        factory = partial(build, settings, folder)
        config = configure(settings, factory, factory=True, workers=settings.workers)
        _tell_metrics(settings, shared_registry(folder))
        Workers(config, [config.bind_socket()], folder).run()
