"""From the environment and the command line to settings, and what is said where that fails."""

from __future__ import annotations

import click
import pytest

from service.server.options import bounds, load_settings
from service.settings import PREFIX, Settings

NUMBERS = [
    (name, part.split()[-1].replace(",", ""))
    for name, field in Settings.model_fields.items()
    for part in bounds(field).split(", ")
    if part.startswith("at ")
]


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
        ("ZZZZZZZZZZZZZZZZZZZZ", "1", "tensorseed settings lists those there are"),
        ("SERVICE_HOST", "10.0.0.1", "enableServiceLinks"),
        ("PORT_8000_TCP_ADDR", "10.0.0.1", "enableServiceLinks"),
    ],
)
def test_a_bad_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    assert told in failure(monkeypatch, variable, value)


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
