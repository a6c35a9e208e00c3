"""The command line and the settings."""

from __future__ import annotations

import socket
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

import click
import pytest
import uvicorn
from click.testing import CliRunner

from service.__main__ import main
from service.server import serve
from service.server.keys import load_keys
from service.server.protocol import GuardedProtocol
from service.settings import PREFIX, Settings


def invoke(*arguments: str, **env: str) -> Any:
    return CliRunner(env=env).invoke(main, arguments)


def test_the_console_script_is_this_one() -> None:
    (script,) = entry_points(group="console_scripts", name="tensorseed")
    assert script.load() is main


def test_version() -> None:
    assert invoke("--version").output.startswith("tensorseed, version ")


def test_settings_lists_every_setting_once() -> None:
    output = invoke("settings", TENSORSEED_PORT="9999").output
    for name, field in Settings.model_fields.items():
        assert output.count(f"{PREFIX}{name.upper()}=") == 1
        assert field.description
        assert field.description in output
    assert "TENSORSEED_PORT=9999 (default 8000)" in output


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of every server that was started, none of which serves."""
    started: list[Settings] = []
    monkeypatch.setattr(serve, "serve", started.append)
    return started


def test_serve_hands_the_settings_on(served: list[Settings]) -> None:
    result = invoke("serve", "--host", "127.0.0.2", "--port", "8001", "--access-log")
    assert result.exit_code == 0, result.output
    (settings,) = served
    assert (settings.host, settings.port, settings.access_log) == ("127.0.0.2", 8001, True)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_an_option_of_serve(served: list[Settings], name: str) -> None:
    field, flag = Settings.model_fields[name], f"--{name.replace('_', '-')}"
    arguments = (
        [flag] if field.annotation is bool else [flag, "" if field.default is None else str(field.default)]
    )
    assert invoke("serve", *arguments).exit_code == 0
    assert getattr(served[0], name) == (True if field.annotation is bool else field.default)
    assert flag in invoke("serve", "--help").output


def test_a_bad_file_of_keys_stops_the_start(tmp_path: Any) -> None:
    result = invoke("serve", "--keys-file", str(tmp_path / "nowhere"))
    assert result.exit_code == click.UsageError.exit_code
    assert "nowhere cannot be read" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bad_recipe_stops_the_start(tmp_path: Any, workers: str) -> None:
    (tmp_path / "bad.json").write_text("{}")
    result = invoke("serve", "--recipes", str(tmp_path), "--workers", workers)
    assert result.exit_code == click.UsageError.exit_code
    assert "bad.json has a fault" in result.output
    assert "Traceback" not in result.output


def test_a_port_that_is_taken_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "tune_collector", lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = invoke("serve", "--metrics-port", str(taken.getsockname()[1]))
    assert result.exit_code == click.UsageError.exit_code
    assert "choose another one" in result.output


def test_key_prints_the_line_and_tells_the_key(tmp_path: Any) -> None:
    result = invoke("key", "alice", "--scope", "weights")
    assert result.exit_code == 0
    (tmp_path / "keys").write_text(f"# of a test\n{result.stdout}")
    key = result.stderr.split()[-1]
    found = load_keys(tmp_path / "keys").find([(b"authorization", f"Bearer {key}".encode())])
    assert (found.name, found.scopes) == ("alice", ("weights",))
    assert key not in result.stdout
    assert invoke("key", "a b").exit_code == click.UsageError.exit_code


def test_the_server_is_configured_by_the_settings() -> None:
    settings = Settings(port=8_001, keep_alive_seconds=7)
    config = serve.configure(settings, lambda: None)
    assert (config.port, config.timeout_keep_alive) == (8_001, 7)
    assert config.access_log is False
    assert config.server_header is False
    assert config.timeout_worker_healthcheck == serve.BUSY_SECONDS
    assert config.http.func is GuardedProtocol  # type: ignore[union-attr]


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
