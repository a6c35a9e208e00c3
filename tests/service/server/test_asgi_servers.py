"""Application under other servers: uvicorn alone, gunicorn, hypercorn."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.serving import ROOT, free_port, status
from tests.waiting import PATIENCE, PROGRAM_PATIENCE

APP = "service.server.app:create_app"
URL, DIGEST = re.findall(
    r"curl -s '[^']*(/v1/weights\?[^']*)' \| sha256sum\n([0-9a-f]{64})", (ROOT / "README.md").read_text()
)[0]
STREAM = "/v1/weights?shape=4194304&init=normal"  # 16 MiB, more than the buffers of a connection


class Server(NamedTuple):
    """A command without its port, its option for the port, and its exit status after SIGTERM."""

    module: str
    arguments: tuple[str, ...]
    port: str
    status: int


SERVERS = {
    "uvicorn": Server("uvicorn", ("--factory", APP), "--port={}", -signal.SIGTERM),
    "gunicorn": Server(
        "gunicorn", (f"{APP}()", "--worker-class=uvicorn_worker.UvicornWorker"), "--bind=127.0.0.1:{}", 0
    ),
    "hypercorn": Server("hypercorn", (f"{APP}()", "--graceful-timeout=60"), "--bind=127.0.0.1:{}", 0),
}


@contextlib.contextmanager
def served(server: Server, *options: str, **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process and port of a ready server, ended afterwards."""
    port = free_port()
    command = [sys.executable, "-m", server.module, *server.arguments, server.port.format(port), *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORSEED_")}
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, cwd=ROOT, env=environment | variables, stderr=log, stdout=log) as process,
    ):
        try:
            end = time.monotonic() + PROGRAM_PATIENCE
            while status(port, "/readyz") != 200:
                log.seek(0)
                assert process.poll() is None, log.read().decode()
                assert time.monotonic() < end
                time.sleep(0.1)
            yield process, port
            log.seek(0)
            assert b"Traceback" not in log.read()
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


@pytest.mark.parametrize("name", SERVERS)
def test_it_serves_and_lets_a_stream_end(name: str) -> None:
    server = SERVERS[name]
    if importlib.util.find_spec(server.module) is None:
        pytest.skip(f"{name} is not installed")
    with contextlib.ExitStack() as stack:
        process, port = stack.enter_context(served(server, TENSORSEED_DIMENSIONS="3"))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{URL}", timeout=PATIENCE) as answer:
            assert hashlib.sha256(answer.read()).hexdigest() == DIGEST
        assert status(port, "/v1/weights?shape=1,1,1,1&init=ones") == 422  # the environment's settings
        assert status(port, "/metrics") == 200
        connection = stack.enter_context(
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE))
        )
        connection.request("GET", STREAM)
        response = stack.enter_context(connection.getresponse())
        got = len(response.read(1 << 16))
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        while part := response.read(1 << 20):
            got += len(part)
        assert got == int(response.headers["content-length"])
        connection.close()
        assert process.wait(PATIENCE) == server.status


def test_a_setting_that_is_not_valid_ends_it_with_its_name() -> None:
    command = [sys.executable, "-m", "uvicorn", "--factory", APP, f"--port={free_port()}"]
    environment = {**os.environ, "TENSORSEED_THREADS": "many"}
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PROGRAM_PATIENCE
    )
    assert ended.returncode != 0
    assert "TENSORSEED_THREADS=many must be a whole number" in ended.stderr


@pytest.mark.slow
def test_processes_of_another_server_count_together(tmp_path: Path) -> None:
    """In the folder that prometheus-client's own variable names."""
    with served(SERVERS["uvicorn"], "--workers=2", PROMETHEUS_MULTIPROC_DIR=str(tmp_path)) as (_, port):
        for _ in range(20):
            assert status(port, "/v1/schemes") == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
            text = answer.read().decode()
    counted = re.search(r'tensorseed_requests_total\{[^}]*"/v1/schemes"[^}]*\} (\d+)', text)
    assert counted is not None
    assert int(counted[1]) == 20
