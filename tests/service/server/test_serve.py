"""Server of uvicorn: configuration, processes, and their metrics."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn

from service.server import serve
from service.server.protocol import LimitedProtocol
from service.settings import Settings
from tests.serving import ROOT


def test_the_server_is_configured_by_the_settings() -> None:
    settings = Settings(port=8_001, keep_alive_seconds=7)
    config = serve.configure(settings, lambda: None)
    assert (config.port, config.timeout_keep_alive) == (8_001, 7)
    assert config.access_log is False
    assert config.server_header is False
    assert config.timeout_worker_healthcheck == serve.BUSY_SECONDS
    assert config.http.func is LimitedProtocol  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "trusted"), [("", None), ("*", "*"), ("::1,*", "*"), ("::1,10.0.0.0/8", ["::1", "10.0.0.0/8"])]
)
def test_a_proxy_is_trusted_only_if_the_settings_say_so(
    given: str, trusted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # of uvicorn itself
    config = serve.configure(Settings(trusted_proxies=given, root_path="/seed/"), lambda: None)
    assert config.root_path == "/seed"
    assert config.proxy_headers is bool(given)
    assert trusted is None or config.forwarded_allow_ips == trusted


def test_one_process_is_served_without_a_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[uvicorn.Server] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self: ran.append(self))
    monkeypatch.setattr(serve, "tune_collector", lambda: None)
    serve.serve(Settings(threads=1, port=0))
    assert ran[0].config.workers == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_that_is_taken_is_refused_before_the_start(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "build", None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(serve.PortError, match=f"port {port} of 127.0.0.1 is taken: choose another one"):
            serve.serve(Settings(port=port, workers=workers))


def test_an_address_of_another_host_is_refused() -> None:
    with pytest.raises(serve.PortError, match=r"of 192.0.2.1 cannot be had: .*: choose another one"):
        serve.check_port(Settings(host="192.0.2.1", port=0))


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_ends_the_compiler(sign: signal.Signals, status: int, workers: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--workers", workers]
    environment = {**os.environ, "TENSORSEED_KERNEL_CACHE": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert b"compiling kernels" in process.stderr.readline()
        began = time.monotonic()
        process.send_signal(sign)
        assert process.wait(20) == status
        assert time.monotonic() - began < 5  # and not the quarter of a minute that the compiler takes
        assert process.stderr.read() == b""


def test_signals_are_handled_as_before_after_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    during: list[object] = []
    monkeypatch.setattr(serve, "compile_kernels", lambda _: during.append(signal.getsignal(signal.SIGTERM)))
    serve.compile_ahead(Settings())
    assert during == [serve._end]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("192.0.2.1", "http://192.0.2.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
    ],
)
def test_the_example_is_that_of_the_readme(host: str, url: str) -> None:
    command = serve.example(host, 8000)
    assert command.replace(url, "http://127.0.0.1:8000") in (ROOT / "README.md").read_text()
    assert url in command


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_is_shown_what_to_try(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def started(self: uvicorn.Server, _: object) -> None:
        listening = SimpleNamespace(getsockname=lambda: ("127.0.0.1", 8000))
        self.started, self.servers = True, [SimpleNamespace(sockets=[listening])]  # type: ignore[list-item]

    lines: list[str] = []
    monkeypatch.setattr(uvicorn.Server, "startup", started)
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: terminal))
    monkeypatch.setattr(serve._log, "info", lambda form, *values: lines.append(form % values))
    asyncio.run(serve.Server(serve.configure(Settings(log_format="json"), lambda: None)).startup())
    assert lines == ([f"try: {serve.example('127.0.0.1', 8000)}"] if terminal else [])


def test_the_metrics_of_a_process_that_ended_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that died, and of one that the supervisor was told to replace or to do without."""
    ended: list[int] = []
    monkeypatch.setattr(serve, "mark_process_dead", lambda pid, _: ended.append(pid))
    monkeypatch.setattr(serve.Multiprocess, "__init__", lambda *_: None)
    monkeypatch.setattr(serve.Multiprocess, "keep_subprocess_alive", lambda _: None)
    workers = serve.Workers(serve.configure(Settings(), lambda: None), [], "folder")
    for pids, expected in (((1, 2), []), ((1, 2), []), ((3, 2), [1]), ((3,), [1, 2])):
        workers.processes = [SimpleNamespace(pid=pid) for pid in pids]  # type: ignore[misc]
        workers.keep_subprocess_alive()
        assert ended == expected
