"""Ray clusters: addresses where none is, and effects of signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tensorseed import ray_cluster
from tensorseed.__main__ import main
from tensorseed.client.errors import DiskError
from tensorseed.errors import SpecError
from tensorseed.ray_cluster import ClusterError, cluster_error, connect

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="ray has no wheel for this Python")


@contextmanager
def answering(content: bytes) -> Iterator[str]:
    """The address of a server that answers whatever comes so, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:  # closed too where the other side is gone already
                        connection.sendall(content)
                        connection.shutdown(socket.SHUT_WR)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def dripping() -> Iterator[str]:
    """The address of a server that sends an octet now and then, each soon after the one before."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    for octet in bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)):
                        connection.sendall(bytes((octet,)))
                        if ended.wait(0.2):
                            break

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        ended.set()
        thread.join()


@contextmanager
def place_of(kind: str) -> Iterator[str]:
    """An address where no cluster is."""
    if kind == "http":
        with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
            yield address
    elif kind == "slow":
        with dripping() as address:
            yield address
    elif kind == "..":
        yield "..:6379"
    elif kind == "silent":
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield f"127.0.0.1:{server.getsockname()[1]}"
    else:
        yield f"{kind}127.0.0.1:9"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("", "connection refused"),
        ("ray://", "connection refused"),
        ("silent", "no answer in time"),
        ("http", "another server is there"),
        ("slow", "no answer in time"),
        ("..", "no such host"),
    ],
)
def test_an_address_without_a_cluster_is_found_at_once(
    monkeypatch: pytest.MonkeyPatch, kind: str, words: str
) -> None:
    monkeypatch.setattr(ray_cluster, "PROBE_SECONDS", 0.3)
    with place_of(kind) as address, pytest.raises(ClusterError, match=words) as caught:
        connect(address)
    assert "set RAY_AUTH_MODE=token for one that wants a token" in str(caught.value)


def fails_with(cause: Exception) -> Exception:
    """What `ray.get` raises for a task that raised the cause."""
    from ray.exceptions import RayTaskError

    return RayTaskError("f", "Traceback\n  File /home/me", cause)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (SpecError.at("/layers/0", "the shape is too large"), "/layers/0: the shape is too large"),
        (ClusterError("install the same there"), "install the same there"),
        (DiskError("the disk is full"), "the disk is full"),
        (
            ModuleNotFoundError("No module named obstore"),
            "every node needs tensorseed[export], in the version",
        ),
        (AttributeError("moved"), "every node needs tensorseed[export], in the version"),
        (MemoryError(), "a task of Ray failed (MemoryError): the same command goes on from here"),
        (KeyError("/home/me"), "a task of Ray failed (KeyError): the same command goes on from here"),
    ],
)
def test_a_failed_task_says_what_to_do(cause: Exception, words: str) -> None:
    found = str(cluster_error(fails_with(cause), "a task of Ray", extra="tensorseed[export]"))
    assert words in found
    assert "/home" not in found


def test_a_lost_worker_says_what_to_do() -> None:
    from ray.exceptions import WorkerCrashedError

    found = str(cluster_error(WorkerCrashedError(), "point 3 on Ray", extra="tensorseed and torch"))
    assert found.startswith("point 3 on Ray failed (The worker died")
    assert found.endswith(": the same command goes on from here")


@pytest.mark.parametrize("command", ["export", "sweep"])
def test_a_command_without_its_cluster_writes_nothing(tmp_path: Path, command: str) -> None:
    grid = tmp_path / "grid.json"
    network = {"layers": [{"name": "a", "type": "Linear", "in_features": 4, "out_features": 4}]}
    grid.write_text(
        json.dumps({"evaluation": {**network, "input": {"shape": [2, 4]}}, "grid": {"seed": [0]}})
    )
    arguments: dict[str, Any] = {
        "export": ("tensorseed/tiny-llama", tmp_path / "out"),
        "sweep": (grid, "-o", tmp_path / "r.csv"),
    }
    result = CliRunner().invoke(
        main, [command, *map(str, arguments[command]), "--ray", "127.0.0.1:9"], env={"RAY_ADDRESS": None}
    )
    assert result.exit_code == 3, result.output
    assert result.stderr.startswith("Error: no Ray cluster answers at 127.0.0.1:9 (connection refused): ")
    assert [path.name for path in tmp_path.iterdir()] == ["grid.json"]


def test_auto_is_the_address_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(ClusterError, match="connection refused"):
        connect("auto")


def test_signals_keep_their_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def init(*_: Any, **__: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(15))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise RuntimeError("Version mismatch: the cluster was started with Python 3.12. Install it.\nmore")

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(ClusterError, match="started with Python"):
        connect("local")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
