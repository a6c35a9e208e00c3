"""Server of uvicorn: configuration, processes, and their metrics."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client import Counter
from prometheus_client.samples import Sample

from service.processes.listening import PortError, bound
from service.processes.worker_process import CAUSES
from service.server import serve
from service.server.connections.protocol import LimitedProtocol
from service.server.metrics import Metrics, shared_registry, worker_name
from service.settings import Settings
from tests.serving import ROOT, free_port
from tests.waiting import PATIENCE


def test_the_server_is_configured_by_the_settings() -> None:
    settings = Settings(port=8_001, keep_alive_seconds=7)
    config = serve.configure(settings, lambda: None)
    assert (config.port, config.timeout_keep_alive) == (8_001, 7)
    assert config.access_log is False
    assert config.proxy_headers is False
    assert config.server_header is False
    assert config.http.func is LimitedProtocol  # type: ignore[union-attr]


def test_one_process_is_served_without_a_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[uvicorn.Server] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, _: ran.append(self))
    monkeypatch.setattr(serve, "tune_collector", lambda: None)
    serve.serve(Settings(threads=1, port=0))
    assert ran[0].config.workers == 1


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("all_stop", [True, False])
def test_a_worker_that_stops_by_itself_leaves_connections_to_the_others(ready: bool, all_stop: bool) -> None:
    closed: list[bool] = []
    app = FastAPI()
    app.state.shutdown = SimpleNamespace(ready=ready)
    pulse = SimpleNamespace(beat=lambda: None, service_stops=lambda: all_stop)
    server = serve.Server(serve.configure(Settings(), app), pulse)  # type: ignore[arg-type]
    server.servers = [SimpleNamespace(close=lambda: closed.append(True))]  # type: ignore[list-item]
    asyncio.run(server.on_tick(1))
    assert bool(closed) is (not ready and not all_stop)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_that_is_taken_is_refused_before_the_start(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "build", None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"port {port} of 127.0.0.1 is taken: choose another one"):
            serve.serve(Settings(port=port, workers=workers))
        with pytest.raises(
            PortError, match=f"--metrics-port: port {port} of 127.0.0.1 is taken: .* --metrics-port 9100$"
        ):
            serve.serve(Settings(port=0, metrics_port=port, workers=workers))


def test_the_metrics_cannot_have_the_port_of_the_service() -> None:
    port = free_port()
    with pytest.raises(PortError, match=f"--metrics-port: port {port} is that of the service: choose"):
        serve.serve(Settings(port=port, metrics_port=port))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_ends_the_compiler(sign: signal.Signals, workers: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--workers", workers]
    environment = {**os.environ, "TENSORSEED_KERNEL_CACHE": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            assert b"compiling kernels" in process.stderr.readline()
            process.send_signal(sign)
            assert process.wait(PATIENCE) == -sign  # 130, 143 and 129 in a shell
        finally:
            process.kill()  # for which a failed test would wait
        rest = process.stderr.read()
        assert b"compiling kernels: 75 %" not in rest  # which it comes to if it does not end at once
        assert b"Traceback" not in rest


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1"), ("0.0.0.0", "http://127.0.0.1"), ("::", "http://[::1]")],
)
@pytest.mark.parametrize("has_keys", [True, False])
def test_a_terminal_is_shown_what_to_open_and_to_try(
    host: str, url: str, has_keys: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(serve._log, "isEnabledFor", lambda _: True)
    with bound(host, 0) as sockets:
        serve.log_addresses(sockets, has_keys=has_keys)
        place = f"{url}:{sockets[0].getsockname()[1]}"
    shown = terminal.getvalue()
    every = " and every other address of this machine" if host in ("0.0.0.0", "::") else ""
    assert shown.startswith(f"\ntensorseed listens on {place}{every}\n\n")
    assert f"\n  page  {place}/\n  docs  {place}/docs\n  try   curl -s '{place}/v1/" in shown
    assert "\n\nCtrl-C stops it.\n" in shown
    assert ('-H "Authorization: Bearer $TENSORSEED_KEY"' in shown) == has_keys
    readme = (ROOT / "README.md").read_text()
    example = f"curl -s '{place}{serve.EXAMPLE}' | sha256sum".replace(place, "http://127.0.0.1:8000")
    assert f"$ {example}\n{serve.EXAMPLE_DIGEST}  -" in readme


def test_a_service_manager_gets_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr(serve._log, "info", lambda form, *values: lines.append(form % values))
    with bound("0.0.0.0", 0) as sockets:
        serve.log_addresses(sockets)
        assert lines == [f"listening on http://127.0.0.1:{sockets[0].getsockname()[1]}"]


def test_a_port_that_another_server_takes_meanwhile_is_refused() -> None:
    """Two that start at the same time have both bound it."""
    with bound("127.0.0.1", 0) as first, bound("127.0.0.1", first[0].getsockname()[1]) as second:
        second[0].listen()
        server = serve.Server(serve.configure(Settings(log_format="json"), lambda: None))
        with pytest.raises(PortError, match="is taken: choose another one"):
            asyncio.run(server.startup(first))


WORKERS = """
import os, sys
from service.server.metrics import Metrics, name_values
for line in sys.stdin:
    name, folder = line.rstrip().split(" ", 1)
    pid = os.fork()
    if pid == 0:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        name_values(name)
        metrics = Metrics(folder)
        metrics.active_streams.set(3)
        metrics.cancelled.inc()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
RunWorker = Callable[[Path, int], None]


@pytest.fixture(scope="module")
def run_worker() -> Iterator[RunWorker]:
    """Runs a process that counts a cancelled stream, and ends with three under way.

    The processes are forks of one, which has imported what they need.
    """
    with subprocess.Popen(
        [sys.executable, "-c", WORKERS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to, answers = process.stdin, process.stdout

        def run(folder: Path, number: int) -> None:
            print(worker_name(number), folder, file=to, flush=True)
            assert answers.readline() == "0\n"

        yield run
        to.close()


def test_the_end_of_a_worker_is_counted(run_worker: RunWorker, tmp_path: Path) -> None:
    """With the streams that it cut."""
    metrics = Metrics(str(tmp_path))
    for number, cause in enumerate(("SIGKILL", "error", None)):
        run_worker(tmp_path, number)
        serve._count_end(metrics, SimpleNamespace(number=number, cause=cause))  # type: ignore[arg-type]
    counted = {sample.labels["cause"]: sample.value for sample in samples(metrics.worker_deaths)}
    assert {cause: count for cause, count in counted.items() if count} == {"SIGKILL": 1, "error": 1}
    assert counted.keys() == set(CAUSES)
    assert [sample.value for sample in samples(metrics.cut_streams)] == [6.0]
    left = {path.name for path in tmp_path.iterdir()}
    assert left
    assert not any("live" in name for name in left)


def test_a_worker_goes_on_with_the_counters_of_the_one_before(run_worker: RunWorker, tmp_path: Path) -> None:
    """Files of the dead would grow in number, and a scrape in time, for as long as the server lives."""
    metrics = Metrics(str(tmp_path))
    files = []
    for _ in range(3):
        run_worker(tmp_path, 0)
        files.append({path.name for path in tmp_path.iterdir()})
        serve._count_end(metrics, SimpleNamespace(number=0, cause="SIGKILL"))  # type: ignore[arg-type]
    assert files[0] == files[1] == files[2]
    counted = shared_registry(str(tmp_path)).get_sample_value("tensorseed_cancelled_streams_total")
    assert counted == 3


def samples(counter: Counter) -> list[Sample]:
    return [sample for family in counter.collect() for sample in family.samples]
