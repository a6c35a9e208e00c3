"""Servers under measurement, each a process on a free loopback port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.programs import path_of

PATIENCE = 120  # seconds until a server must answer: the first start compiles

NGINX = """{user}
daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log stderr error;
events {{}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
    }}
}}
"""


@dataclass(frozen=True)
class Server:
    """A process that listens."""

    port: int
    pid: int

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def service(*options: str) -> Iterator[Server]:
    """This service, started as a user starts it, with the default settings."""
    port = free_port()
    with running(service_command(port, *options), port) as server:
        yield server


def service_command(port: int, *options: str) -> list[str]:
    """The command that starts the service."""
    return [sys.executable, "-m", "service", "serve", "--port", str(port), *options]


@contextmanager
def plain(processes: int = 1) -> Iterator[Server]:
    """A FastAPI application such as one writes in ten lines."""
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.plain", str(port), str(processes)], port) as server:
        yield server


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """nginx, sending the files of a folder with sendfile."""
    port, program = free_port(), path_of("nginx")
    assert program is not None
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(user=user, folder=folder, port=port))
    with running([program, "-p", str(folder), "-e", "stderr", "-c", str(config)], port) as server:
        yield server


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[Server]:
    """A process from when it listens on `port`; it is ended afterwards."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, env=environment()) as process,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while not listens(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{command[:4]} did not start: {log.read().decode()[-2_000:]}")
                time.sleep(0.02)
            yield Server(port, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()


def environment() -> dict[str, str]:
    """This environment without the service's own settings, so that the defaults are measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TENSORSEED_")}


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
