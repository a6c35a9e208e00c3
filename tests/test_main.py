"""The command line and the settings."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import click
import pytest
import uvicorn
from click.testing import CliRunner

from service.__main__ import load_settings, main
from service.core.limits import Limits
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


def test_the_command_line_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORSEED_PORT", "9999")
    monkeypatch.setenv("TENSORSEED_THREADS", "3")
    settings = load_settings(port=1234, host=None)
    assert (settings.port, settings.threads, settings.host) == (1234, 3, "127.0.0.1")


@pytest.mark.parametrize(
    ("arguments", "env", "named"),
    [
        (["serve", "--port", "70000"], {}, "--port"),
        (["serve"], {"TENSORSEED_CHUNK_BYTES": "many"}, "TENSORSEED_CHUNK_BYTES"),
        (["settings"], {"TENSORSEED_DIMENSIONS": "65"}, "TENSORSEED_DIMENSIONS"),
        (["settings"], {"TENSORSEED_LOG_LEVEL": "loud"}, "TENSORSEED_LOG_LEVEL"),
    ],
)
def test_a_bad_setting_is_named(arguments: list[str], env: dict[str, str], named: str) -> None:
    result = invoke(*arguments, **env)
    assert result.exit_code == click.UsageError.exit_code
    assert named in result.output
    assert "Traceback" not in result.output
    assert "Settings" not in result.output


def test_serve_hands_the_settings_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr("service.__main__.tune_collector", lambda: None)
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: calls.append(options))
    result = invoke("serve", "--host", "127.0.0.2", "--port", "8001")
    assert result.exit_code == 0
    (options,) = calls
    assert (options["host"], options["port"]) == ("127.0.0.2", 8001)
    assert options["server_header"] is False
    assert options["http"] == "httptools"


def test_an_empty_cache_folder_is_none() -> None:
    assert Settings(kernel_cache="").cache_folder() is None  # type: ignore[arg-type]


def test_a_cache_folder_is_made(tmp_path: Any) -> None:
    folder = tmp_path / "a" / "b"
    assert Settings(kernel_cache=folder).cache_folder() == folder
    assert folder.is_dir()


def test_a_cache_folder_that_cannot_be_made_is_none(tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    assert Settings(kernel_cache=tmp_path / "file" / "b").cache_folder() is None


def test_threads_are_the_cores_unless_set() -> None:
    assert Settings(threads=0).thread_count() >= 1
    assert Settings(threads=7).thread_count() == 7


def test_the_limits_are_those_of_the_settings() -> None:
    settings = Settings(tensors=10, values=20, file_bytes=30, token_chars=64, dimensions=5)
    limits = settings.limits()
    assert (limits.tensors, limits.values, limits.file_bytes) == (10, 20, 30)
    assert (limits.token_chars, limits.dimensions) == (64, 5)


def test_every_limit_is_a_setting() -> None:
    changed = {name: getattr(Limits(), name) - 1 for name in Limits.__dataclass_fields__}
    assert Settings(**changed).limits() == Limits(**changed)  # type: ignore[arg-type]
    for name in changed:
        assert Settings.model_fields[name].default == getattr(Limits(), name)
