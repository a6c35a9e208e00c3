"""The server: uvicorn with one process or several."""

from __future__ import annotations

import errno
import gc
import logging.config
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import Any

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors.multiprocess import Multiprocess

from tensorseed.sampling.executors import portability
from tensorseed.sampling.executors.kernel_cache import compile_kernels

from ..hub.context import open_library
from ..settings import Settings
from .app import create_app
from .keys import load_keys
from .logs import log_config
from .metrics import shared_registry
from .protocol import ConnectionLimits, LimitedProtocol
from .traces import check_traces

BUSY_SECONDS = 60  # a process without a sign of life for longer counts as dead; its start takes some
LAST_SECONDS = 2  # for connections to close, after the grace period
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # of prometheus-client, read when it is imported

_log = logging.getLogger(__name__)


class PortError(ValueError):
    """A port that cannot be bound. The message names the remedy."""


def serve(settings: Settings) -> None:
    """Serve until a signal stops it.

    Raises:
        KeysFileError, RecipeError, TracesError: before any port is bound.
        PortError: for a port that is taken.
    """
    logging.config.dictConfig(log_config(settings.log_format, settings.log_level))
    check_port(settings)
    if settings.keys_file is not None:
        load_keys(settings.keys_file)
    if settings.traces:
        check_traces()
    if settings.workers > 1:
        open_library(settings)  # faults end the start here, not in every process
        if settings.cache_folder() is not None:
            compile_ahead(settings)  # once, not in every process
        _serve_many(settings)
        return
    app = build(settings)
    _serve_metrics(settings, app.state.metrics.registry)
    compile_ahead(settings)
    with suppress(KeyboardInterrupt):  # the server raises it again once it has stopped
        Server(configure(settings, app)).run()


def check_port(settings: Settings) -> None:
    """Refuse a port that is taken before the start, which takes seconds.

    Raises:
        PortError: nothing can listen on the port.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        fault = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
        remedy = "choose another one, such as --port 9000 or make run PORT=9000"
        raise PortError(f"port {settings.port} of {settings.host} {fault}: {remedy}") from None


def compile_ahead(settings: Settings) -> None:
    """Compile the kernels, or load them, in the main thread, where a signal ends the process at once.

    An exception would not do: the compiler drops it within a callback, or crashes.
    """
    if settings.portable_kernels:
        portability.target()
    handlers = {number: signal.signal(number, _end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        compile_kernels(settings.cache_folder())
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end(number: int, _: object) -> None:
    os._exit(0 if number == signal.SIGINT else 128 + number)


class Server(uvicorn.Server):
    """The server of one process, which says on a terminal what to try."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and log a request."""
        await super().startup(sockets)
        if self.started and sys.stderr.isatty():
            host, port, *_ = self.servers[0].sockets[0].getsockname()
            _log.info("try: %s", example(host, port))


def example(host: str, port: int) -> str:
    """The first command of the README, for the address that the server listens on."""
    address = ip_address(host)
    if address.is_unspecified:
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    authority = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
    return f"curl -s 'http://{authority}/v1/weights?shape=256,784&init=xavier_uniform&seed=42' | sha256sum"


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
        root_path=settings.root_path,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips="*" if "*" in settings.proxies() else settings.proxies(),
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=LAST_SECONDS,
        timeout_worker_healthcheck=BUSY_SECONDS,
        **more,
    )


def build(settings: Settings, folder: str | None = None) -> FastAPI:
    """The application of one process, which serves it until it ends."""
    app = create_app(settings, folder)
    tune_collector()
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


def tune_collector() -> None:
    """Run the garbage collector less often, which halves the time of a plan of 100,000 tensors.

    Such a plan is a million objects, none of them garbage. All objects that exist now live until the end.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


class Workers(Multiprocess):
    """Several processes. Gauges of a process that has ended are dropped."""

    def __init__(self, config: uvicorn.Config, sockets: list[Any], folder: str) -> None:
        super().__init__(config, sockets)
        self._folder = folder
        self._known: set[int | None] = set()

    def keep_subprocess_alive(self) -> None:
        """Start another process in place of a dead one."""
        super().keep_subprocess_alive()
        present = {process.pid for process in self.processes}
        for pid in self._known - present:
            mark_process_dead(pid, self._folder)  # type: ignore[no-untyped-call]
        self._known = present


def _serve_metrics(settings: Settings, registry: CollectorRegistry) -> None:
    """Serve the metrics on a port of their own, if the settings name one.

    Raises:
        PortError: the port is not available.
    """
    if not settings.metrics_port:
        return
    try:
        start_http_server(settings.metrics_port, settings.host, registry)
    except OSError as error:
        place = f"port {settings.metrics_port} of {settings.host}"
        raise PortError(f"the metrics cannot have {place}: {error.strerror}: choose another one") from None


def _serve_many(settings: Settings) -> None:
    """Serve with several processes on one socket. Each builds an application of its own."""
    with tempfile.TemporaryDirectory(prefix="tensorseed-") as folder:
        os.environ[SHARED_METRICS] = folder
        factory = partial(build, settings, folder)
        config = configure(settings, factory, factory=True, workers=settings.workers)
        _serve_metrics(settings, shared_registry(folder))
        Workers(config, [config.bind_socket()], folder).run()
