"""Commands of the service: settings of environment and options."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any

import click
import pytest
from click.testing import CliRunner

from service import commands
from service.__main__ import main
from service.commands import calm_openmp, collector_paused, load_settings
from service.server import serve
from service.server.keys import load_keys
from service.settings import PREFIX, Settings
from service.settings.environment import bounds
from tests.serving import ROOT

NUMBERS = [
    (name, part.split()[-1].replace(",", ""))
    for name, field in Settings.model_fields.items()
    for part in bounds(field).split(", ")
    if part.startswith("at ")
]


@pytest.mark.parametrize(
    ("threads", "cores", "given", "number"),
    [
        (3, 8, None, "3"),
        (64, 8, None, "8"),
        (3, 8, "5", "5"),
    ],
)
def test_torch_has_as_many_threads_as_the_process_may_use(
    threads: int, cores: int, given: str | None, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {} if given is None else {"OMP_NUM_THREADS": given}
    monkeypatch.setattr(commands.os, "environ", environment)
    monkeypatch.setattr(commands, "cores", lambda: cores)
    calm_openmp(threads)
    assert environment == {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": number}


def failure(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> str:
    monkeypatch.setenv(f"{PREFIX}{variable}", value)
    with pytest.raises(click.UsageError) as caught:
        load_settings()
    assert "Input" not in caught.value.message
    assert "pydantic" not in caught.value.message.lower()
    return caught.value.message


def test_the_command_line_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORSEED_PORT", "9999")
    monkeypatch.setenv("TENSORSEED_THREADS", "3")
    settings = load_settings(port="1234", host=None)
    assert (settings.port, settings.threads, settings.host) == (1234, 3, "127.0.0.1")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("CHUNK_BYTES", "many", "TENSORSEED_CHUNK_BYTES=many must be a whole number, at least 4,096"),
        ("DIMENSIONS", "65", "TENSORSEED_DIMENSIONS=65 must be a whole number, at least 1, at most 64"),
        ("LOG_LEVEL", "loud", "TENSORSEED_LOG_LEVEL=loud must be critical or error"),
        ("ACCESS_LOG", "perhaps", "TENSORSEED_ACCESS_LOG=perhaps must be true or false"),
        ("GRACE_SECONDS", "-1", "TENSORSEED_GRACE_SECONDS=-1 must be a number, at least 0"),
        ("CORS_ORIGINS", "x", "TENSORSEED_CORS_ORIGINS: 'x' is no origin"),
        ("URL_BYTES", "1024", "TENSORSEED_URL_BYTES=1024 does not hold the longest token"),
        ("PROT", "1", "TENSORSEED_PROT is no setting: did you mean TENSORSEED_PORT"),
        ("ZZZZZZZZZZZZZZZZZZZZ", "1", "tensorseed settings lists all settings"),
        ("SERVICE_HOST", "10.0.0.1", "enableServiceLinks"),
        ("PORT_8000_TCP_ADDR", "10.0.0.1", "enableServiceLinks"),
    ],
)
def test_a_bad_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    assert told in failure(monkeypatch, variable, value)


def test_an_interpreter_without_docstrings_is_refused() -> None:
    """The catalogue and the OpenAPI document are made of them. -O is no fault."""
    for flags, told in (("-OO", "removes the docstrings"), ("-O", "TENSORSEED_PORT=8000")):
        command = [sys.executable, flags, "-m", "service", "settings"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert told in ended.stdout + ended.stderr
        assert ended.returncode == (2 if flags == "-OO" else 0)


def test_a_bad_option_is_named() -> None:
    with pytest.raises(click.UsageError, match="--port=70000 must be a whole number"):
        load_settings(port="70000")


def test_every_fault_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORSEED_PORT", "x")
    message = failure(monkeypatch, "THREADS", "y")
    assert "TENSORSEED_PORT" in message
    assert "TENSORSEED_THREADS" in message


@pytest.mark.parametrize(
    ("name", "bound"), [(n, b) for n, b in NUMBERS if n not in ("url_bytes", "token_chars")]
)
def test_every_bound_holds(monkeypatch: pytest.MonkeyPatch, name: str, bound: str) -> None:
    least = f"at least {int(bound):,}" in bounds(Settings.model_fields[name])
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", bound)
    assert getattr(load_settings(), name) == int(bound)
    beyond = str(int(bound) - 1 if least else int(bound) + 1)
    assert f"{PREFIX}{name.upper()}={beyond}" in failure(monkeypatch, name.upper(), beyond)


def invoke(*arguments: str, **env: str) -> Any:
    return CliRunner(env=env).invoke(main, arguments)


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
    machine = json.loads(invoke("key", "bob", "--scope", "losses", "--json").stdout)
    assert (machine["name"], machine["scopes"]) == ("bob", ["losses"])
    assert machine["line"] == f"bob:{hashlib.sha256(machine['key'].encode()).hexdigest()}:losses"


@pytest.mark.parametrize("ending", ["2>&-", "2>/dev/full"])
def test_a_key_that_standard_error_does_not_show_has_no_line(ending: str) -> None:
    if "full" in ending and not os.path.exists("/dev/full"):
        pytest.skip("needs a device that is full")
    command = ["sh", "-c", f'exec "$0" -m service key alice {ending}', sys.executable]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=False, cwd=ROOT)
    assert (run.returncode, run.stdout) == (5, b"")


def test_the_collector_is_paused_for_imports_alone() -> None:
    with collector_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with suppress(ImportError), collector_paused():
        raise ImportError
    assert gc.isenabled()
