"""A stop that breaks nothing, of a server as a user starts it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from service.api.state import State
from service.settings import Settings
from service.shutdown import Graceful

LARGE = "/v1/weights?shape=16384,16384&init=normal"  # 1 GiB, which a slow reader does not end by chance


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server's process and port."""
    port = free_port()
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(1_200):
            assert process.poll() is None
            if status(port, "/readyz") == 200:
                break
            time.sleep(0.1)
        yield process, port
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=30)
        process.kill()


def status(port: int, path: str) -> int:
    """The status of one answer; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def test_a_running_stream_ends_while_new_work_is_refused() -> None:
    with contextlib.ExitStack() as stack:
        process, port = stack.enter_context(served("--grace-seconds", "60"))
        connection = stack.enter_context(
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60))
        )
        connection.request("GET", LARGE)
        response = stack.enter_context(connection.getresponse())
        size = int(response.headers["content-length"])
        got = len(response.read(1 << 20))
        process.send_signal(signal.SIGTERM)
        for _ in range(100):
            if status(port, "/readyz") == 503:
                break
            time.sleep(0.05)
        assert [status(port, path) for path in ("/readyz", "/healthz", "/v1/schemes")] == [503, 200, 503]
        while part := response.read(1 << 24):
            got += len(part)
        assert got == size
        process.wait(30)


def test_the_grace_period_ends() -> None:
    with contextlib.ExitStack() as stack:
        process, port = stack.enter_context(served("--grace-seconds", "0.5"))
        connection = stack.enter_context(
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60))
        )
        connection.request("GET", LARGE)
        stack.enter_context(connection.getresponse()).read(1 << 20)
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.mark.slow
def test_several_processes_serve_count_together_and_stop() -> None:
    with served("--workers", "2", "--access-log") as (process, port):
        for _ in range(60):
            assert status(port, "/v1/schemes") == 200
        text = ""
        for _ in range(50):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
                text = answer.read().decode()
            if "tensorseed_ready_processes 2.0" in text:
                break
            time.sleep(0.2)
        assert "tensorseed_ready_processes 2.0" in text
        counted = re.search(r'tensorseed_requests_total\{.*"/v1/schemes".*\} (\d+)', text)
        assert counted is not None
        assert int(counted[1]) == 60
        assert 'pid="' not in text
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert status(port, "/healthz") == 0


@pytest.mark.slow
def test_metrics_may_have_a_port_of_their_own() -> None:
    other = free_port()
    with served("--metrics-port", str(other)) as (_, port):
        assert status(port, "/metrics") == 404
        assert status(other, "/metrics") == 200


def drained(active: int, **settings: Any) -> tuple[State, list[int]]:
    """The state after a drain of `active` streams that never end, and the signals the server then saw."""
    state = State(Settings.model_construct(threads=1, **settings))
    seen: list[int] = []

    async def run() -> None:
        graceful = Graceful(lambda *_: asyncio.sleep(0), state)
        graceful._servers = {signal.SIGTERM: lambda number, _: seen.append(number)}
        with contextlib.ExitStack() as stack:
            for _ in range(active):
                stack.enter_context(state.admission.admit())
            await graceful._drain(signal.SIGTERM)

    asyncio.run(run())
    asyncio.run(state.worker.close())
    return state, seen


def test_without_streams_the_server_stops_at_once() -> None:
    assert drained(0, grace_seconds=3_600.0, notice_seconds=0.0)[1] == [signal.SIGTERM]


def test_streams_without_end_do_not_hold_it() -> None:
    assert drained(2, grace_seconds=0.05, notice_seconds=0.0)[1] == [signal.SIGTERM]


@pytest.mark.parametrize(
    ("active", "passed", "awaited"),
    [(0, 0.0, True), (0, 2.9, True), (0, 3.0, False), (1, 3.0, True), (1, 9.9, True), (1, 10.0, False)],
)
def test_the_notice_is_given_and_the_grace_is_bounded(active: int, passed: float, awaited: bool) -> None:
    state, _ = drained(0, grace_seconds=0.0, notice_seconds=0.0)
    state.computing.active = active
    assert Graceful(lambda *_: asyncio.sleep(0), state)._is_awaited(passed, 3.0, 10.0) is awaited
