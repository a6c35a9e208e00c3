"""The server of uvicorn: its configuration, its processes, and their metrics."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import uvicorn

from service.server import serve
from service.server.protocol import LimitedProtocol
from service.settings import Settings


def test_the_server_is_configured_by_the_settings() -> None:
    settings = Settings(port=8_001, keep_alive_seconds=7)
    config = serve.configure(settings, lambda: None)
    assert (config.port, config.timeout_keep_alive) == (8_001, 7)
    assert config.access_log is False
    assert config.server_header is False
    assert config.timeout_worker_healthcheck == serve.BUSY_SECONDS
    assert config.http.func is LimitedProtocol  # type: ignore[union-attr]


def test_one_process_is_served_without_a_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[uvicorn.Server] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self: ran.append(self))
    monkeypatch.setattr(serve, "tune_collector", lambda: None)
    serve.serve(Settings(threads=1))
    assert ran[0].config.workers == 1


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
