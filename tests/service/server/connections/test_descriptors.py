"""Shortage of file descriptors: answers, a line, a metric, and recovery."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from service.server.connections import descriptors
from service.server.connections.descriptors import LEAST, RESERVED, Shortage, limit, spare
from tests.serving import ROOT, served, status
from tests.waiting import PATIENCE, wait_until
from tools.fuzz.raw import replies, serving

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def outcome(client: socket.socket) -> int:
    """The status of the answer that comes first; 0 for none."""
    try:
        received = client.recv(1 << 16)
    except ConnectionError:
        return 0
    return int(received[9:12] or 0)


def sockets(pid: int) -> set[str]:
    """The sockets that a process has open."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(descriptor))
    return {name for name in found if name.startswith("socket:")}


def test_every_connection_is_answered_and_the_shortage_told() -> None:
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        process, port = stack.enter_context(served("--threads", "1", stderr=log))
        before = sockets(process.pid)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (64, 64))
        with contextlib.ExitStack() as opened:
            clients = []
            for _ in range(200):
                clients.append(opened.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE)))
                with contextlib.suppress(ConnectionError):
                    clients[-1].sendall(HEALTH)
            seen = Counter(outcome(client) for client in clients)
            assert set(seen) <= {200, 503, 0}, seen
            assert seen[200] >= 8, seen
            assert seen[503] >= 100, seen
            assert len(os.listdir(f"/proc/{process.pid}/fd")) < 64
            assert status(port, "/healthz") == 503
        wait_until(lambda: status(port, "/healthz") == 200)
        text = told(port, "/metrics")
        refused = int(float(text.partition("\ntensorseed_refused_connections_total ")[2].split()[0]))
        assert refused >= 200 - seen[200]
        wait_until(lambda: sockets(process.pid) <= before)
        log.seek(0)
        lines = [json.loads(line) for line in log.read().splitlines()]
    warnings = [line for line in lines if line["level"] != "info"]
    assert 1 <= len(warnings) <= 5
    assert all("file descriptors run short" in line["message"] for line in warnings)
    assert {line["level"] for line in warnings} == {"warning"}


def told(port: int, path: str) -> str:
    """The body of an answer."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while part := client.recv(1 << 16):
            received += part
    return received.decode()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """So many free descriptors at every connection."""
    monkeypatch.setattr("service.server.connections.protocol.spare", lambda _: free)


@pytest.mark.parametrize("free", [RESERVED])
@pytest.mark.usefixtures("short")
def test_a_connection_above_the_reserve_is_served() -> None:
    with serving() as (_, port):
        assert "HTTP/1.1 200 " in told(port, "/")


@pytest.mark.parametrize("free", [RESERVED - 1, LEAST])
@pytest.mark.parametrize(
    "request_", [HEALTH, HEALTH[:9], b"", b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"]
)
@pytest.mark.usefixtures("short")
def test_a_connection_of_the_reserve_is_refused(request_: bytes) -> None:
    """After its first head, or a second without one."""
    with serving() as (server, port), socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(request_)
        received = b""
        while part := client.recv(1 << 16):
            received += part
        (answer,) = replies(received)
        assert answer.status == (400 if b"nonsense" in request_ else 503)
        assert answer.fields["connection"] == "close"
        if answer.status == 503:
            assert answer.fields["retry-after"] == "1"
        wait_until(lambda: not server.server_state.connections)  # though this client never closes


@pytest.mark.parametrize("free", [LEAST - 1, 0])
@pytest.mark.usefixtures("short")
def test_a_connection_with_the_last_descriptor_is_refused_at_once() -> None:
    with serving() as (_, port), socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        received = b""
        while part := client.recv(1 << 16):
            received += part
        assert [answer.status for answer in replies(received)] == [503]


def test_the_system_gives_the_lowest_descriptor() -> None:
    assert spare(0) == limit() - 1
    assert spare(limit() - 1) == 0


def test_the_shortage_is_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "service")
    shortage = Shortage()
    for now in (0.0, 0.1, 5.0, 9.9, 10.0, 10.1, 25.0):
        shortage.record(now)
    counts = [record.args[0] for record in caplog.records]  # type: ignore[index]
    assert counts == [1, 5, 7]


RAISE = """
import logging, resource, sys
from service.server.connections.descriptors import raise_limit
logging.basicConfig()
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
raise_limit({connections})
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised", "warned"),
    [(64, 128, 50, 128, False), (64, 128, 96, 128, False), (64, 128, 97, 128, True), (64, 64, 288, 64, True)],
)
def test_the_soft_limit_is_raised_and_a_low_one_told(
    soft: int, hard: int, connections: int, raised: int, warned: bool
) -> None:
    script = RAISE.format(soft=soft, hard=hard, connections=connections)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.split() == [str(raised), str(hard)]
    assert ("too few" in done.stderr) == warned
    if warned:
        assert "ulimit -n 512" in done.stderr or "ulimit -n 256" in done.stderr


def test_without_a_limit_nothing_runs_short(monkeypatch: pytest.MonkeyPatch) -> None:
    infinite = resource.RLIM_INFINITY
    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: (infinite, infinite))
    caught: list[object] = []
    monkeypatch.setattr(descriptors.resource, "setrlimit", lambda *given: caught.append(given))
    descriptors.raise_limit(10**6)
    assert limit() == sys.maxsize
    assert not caught


def test_the_reserve_is_documented() -> None:
    page = (Path(ROOT) / "docs" / "operations.md").read_text()
    assert f"{RESERVED} descriptors" in page


def test_a_line_names_the_limit(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "service")
    Shortage().record(0.0)
    assert f"raise the limit of {limit()}" in caplog.text
