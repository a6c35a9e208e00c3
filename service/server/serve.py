"""The server: uvicorn with one process or several."""

from __future__ import annotations

import gc
import logging.config
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from tensorseed.client import KEY_VARIABLE
from tensorseed.sampling.executors.compile_progress import for_people, log_lines
from tensorseed.sampling.executors.kernel_cache import compile_kernels, load_kernels
from tensorseed.sampling.machine_code.target import choose

from ..hub.context import open_library
from ..processes.listening import PortError, authority, bound, bound_path, is_any, listen
from ..processes.signals import graceful, handled
from ..processes.supervisor import Supervisor
from ..processes.worker_process import Pulse, WorkerProcess
from ..settings import Settings
from .connections.descriptors import raise_limit
from .connections.limits import ConnectionLimits
from .connections.protocol import LimitedProtocol
from .keys import load_keys
from .logs import is_json, log_config
from .process_start import load_numba, make_validators, tune_collector
from .traces import check_traces

if TYPE_CHECKING:
    from fastapi import FastAPI
    from prometheus_client import CollectorRegistry

    from .metrics import Metrics

TICKS_OF_A_SECOND = 10  # of uvicorn's main loop
LAST_SECONDS = 2  # for connections to close, after the grace period
MARGIN_SECONDS = 5  # for a worker to end after that, before it is killed
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # of prometheus-client, read when it is imported

EXAMPLE = "/v1/weights?shape=256,784&init=xavier_uniform&seed=42"  # the first of the README
EXAMPLE_DIGEST = "0e8d0fd8ff0d534e95ae5d44132ef80e48fc40548ccfbefeacc0526d572980d3"

_log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until a signal stops it.

    Raises:
        KeysFileError, RecipeError, TracesError: before any port is bound.
        PortError: for a port that is taken.
        WorkersError: none of several processes can start.
    """
    logging.config.dictConfig(log_config(settings.log_format, settings.log_level))
    raise_limit(settings.streams + settings.evaluations)
    with _sockets(settings) as sockets:
        _check_metrics_port(settings)
        if settings.keys_file is not None:
            load_keys(settings.keys_file)
        if settings.traces:
            check_traces()
        if settings.workers > 1:
            open_library(settings)  # faults end the start here, not in every process
            if settings.cache_folder() is not None:
                compile_ahead(settings)  # once, not in every process
            _serve_many(settings, sockets)
            return
        app = build(settings)
        _serve_metrics(settings, app.state.metrics.registry)
        compile_ahead(settings)
        with handled(graceful()):
            Server(configure(settings, app), has_keys=settings.keys_file is not None).run(sockets)


def _sockets(settings: Settings) -> AbstractContextManager[list[socket.socket]]:
    """The sockets to listen on, bound before the start, which takes seconds."""
    return bound(settings.host, settings.port) if settings.uds is None else bound_path(settings.uds)


def compile_ahead(settings: Settings) -> None:
    """Compile the kernels, or load them, in the main thread, where a signal ends the process at once."""
    _load_code(settings)
    compile_kernels(settings.cache_folder(), log_lines() if is_json(settings.log_format) else for_people())


def _load_code(settings: Settings) -> None:
    """Load machine code of the kernels, or else the compiler, by its shortest way."""
    if settings.portable_kernels:
        choose()
    if not load_kernels(settings.cache_folder()):
        load_numba()


class Server(uvicorn.Server):
    """The server of one process. `pulse` tells a supervisor that it lives."""

    def __init__(self, config: uvicorn.Config, pulse: Pulse | None = None, *, has_keys: bool = False) -> None:
        super().__init__(config)
        self._pulse = pulse
        self._has_keys = has_keys

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and log where.

        Raises:
            PortError: another process has begun to listen meanwhile.
        """
        listen(sockets or [], self.config.backlog)
        await super().startup(sockets)
        if self.started:
            make_validators()
        if self.started and self._pulse is not None:
            self._pulse.ready()
        elif self.started:
            log_addresses(sockets or [], has_keys=self._has_keys)

    async def on_tick(self, counter: int) -> bool:
        """Send a sign of life every second, and take no connection once this process stops by itself."""
        if self._pulse is not None:
            if counter % TICKS_OF_A_SECOND == 0:
                self._pulse.beat()
            if not self.config.app.state.shutdown.ready:  # type: ignore[union-attr]
                self._leave_connections(self._pulse)
        return await super().on_tick(counter)

    def _leave_connections(self, pulse: Pulse) -> None:
        """Leave new connections to the other processes, unless all stop: this one would answer them 503."""
        if not pulse.service_stops():
            for server in self.servers:
                server.close()


def log_addresses(sockets: Sequence[socket.socket], *, has_keys: bool = False) -> None:
    """Log where the service listens; a terminal is shown what to open and what to try instead."""
    if sockets[0].family == getattr(socket, "AF_UNIX", None):
        path = sockets[0].getsockname()
        addresses, curl = [f"unix:{path}"], f"curl -s --unix-socket {path} 'http://localhost{EXAMPLE}'"
        pages = []
    else:
        addresses = [f"http://{authority(each)}" for each in sockets]
        curl = f"curl -s '{addresses[0]}{EXAMPLE}'"
        pages = [("page", f"{addresses[0]}/"), ("docs", f"{addresses[0]}/docs")]
    if not sys.stderr.isatty():
        _log.info("listening on %s", ", ".join(addresses))
    elif _log.isEnabledFor(logging.INFO):
        key = f' -H "Authorization: Bearer ${KEY_VARIABLE}"' if has_keys else ""
        rows = [*pages, ("try", f"{curl}{key} | sha256sum"), ("", EXAMPLE_DIGEST)]
        lines = "".join(f"  {name:6}{text}\n" for name, text in rows)
        more = " and every other address of this machine" if any(map(is_any, sockets)) else ""
        where = ", ".join(addresses) + more
        sys.stderr.write(f"\ntensorseed listens on {where}\n\n{lines}\nCtrl-C stops it.\n")
        sys.stderr.flush()


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
        access_log=False,  # its lines hold paths; see service.server.logs
        loop="auto" if sys.platform == "win32" else "uvloop",
        http=partial(LimitedProtocol, limits=limits),  # type: ignore[arg-type]
        ws="none",
        proxy_headers=False,  # the application reads those of trusted proxies
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=LAST_SECONDS,
        **more,
    )


def build(settings: Settings, folder: str | None = None) -> FastAPI:
    """The application of one process, which serves it until it ends."""
    gc.disable()  # imports make a million objects and no garbage worth a pass
    from .app import create_app

    _load_code(settings)
    app = create_app(settings, folder)
    tune_collector()
    gc.enable()  # only now: enabled, it passes over all that is not frozen
    end_with_parent()
    return app


def end_with_parent() -> None:
    """Stop this process when its supervisor is gone, so that it does not keep the port."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _check_metrics_port(settings: Settings) -> None:
    """Refuse a port of the metrics that is taken before the start, which takes seconds.

    Raises:
        PortError: the port cannot be had.
    """
    if not settings.metrics_port:
        return
    try:
        if settings.metrics_port == settings.port and settings.uds is None:
            raise PortError(f"port {settings.port} is that of the service: choose another one")
        with bound(settings.host, settings.metrics_port, "such as --metrics-port 9100"):
            pass
    except PortError as error:
        raise PortError(f"--metrics-port: {error}") from None


def _serve_metrics(settings: Settings, registry: CollectorRegistry) -> None:
    """Serve the metrics on a port of their own, if the settings name one."""
    if settings.metrics_port:
        from prometheus_client import start_http_server

        start_http_server(settings.metrics_port, settings.host, registry)


def _serve_many(settings: Settings, sockets: list[socket.socket]) -> None:
    """Serve with several processes on the same sockets. Each builds an application of its own.

    Raises:
        WorkersError: no process can start.
    """
    with tempfile.TemporaryDirectory(prefix="tensorseed-") as folder:
        os.environ[SHARED_METRICS] = folder
        from .metrics import Metrics, shared_registry

        metrics = Metrics(folder)
        _serve_metrics(settings, shared_registry(folder))
        Supervisor(
            partial(work, settings, folder, sockets),
            settings.workers,
            stop_seconds=settings.notice_seconds + settings.grace_seconds + LAST_SECONDS + MARGIN_SECONDS,
            ended=partial(_count_end, metrics),
            serving=partial(log_addresses, sockets, has_keys=settings.keys_file is not None),
        ).run()


def work(
    settings: Settings, folder: str, sockets: list[socket.socket], number: int, connection: Connection
) -> None:
    """Serve in one of several processes."""
    logging.config.dictConfig(log_config(settings.log_format, settings.log_level))
    pulse = Pulse(connection)
    from .metrics import name_values, worker_name

    name_values(worker_name(number))
    try:
        with handled(graceful()):
            Server(configure(settings, build(settings, folder)), pulse).run(sockets)
    except Exception:
        _log.exception("the worker cannot serve")
        sys.exit(STARTUP_FAILURE)


def _count_end(metrics: Metrics, worker: WorkerProcess) -> None:
    """Count the death of a worker and the streams that it cut, and drop its gauges.

    Its counters stay: the next one in its place goes on with them.
    """
    from prometheus_client.multiprocess import mark_process_dead

    from .metrics import worker_name

    name = worker_name(worker.number)
    if worker.cause is not None:
        metrics.record_worker_death(name, worker.cause)
    mark_process_dead(name, metrics.folder)  # type: ignore[no-untyped-call]
