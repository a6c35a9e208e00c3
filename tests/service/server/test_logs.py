"""Log lines: their form, and what is in none of them."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from service.http.request_context import CURRENT
from service.server.app import create_app
from service.server.keys import make_key
from service.server.logs import ACCESS, JsonLines, TextLines, is_json, log_config
from service.settings import Settings

SECRET = "s3cr3t"


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("service.test", logging.WARNING, "file", 1, message, (), None)
    made.__dict__.update(extra)
    return made


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    handler.addFilter(lambda record: not record.name.startswith("http"))  # the client's own lines
    loggers = [logging.getLogger(), logging.getLogger(ACCESS)]
    before = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield written
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def test_a_line_is_an_object() -> None:
    token = CURRENT.set("abc")
    try:
        line = json.loads(JsonLines().format(record("hello", color_message="no", fields={"status": 200})))
    finally:
        CURRENT.reset(token)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "service.test",
        "message": "hello",
        "status": 200,
        "request_id": "abc",
    }


def test_a_line_outside_of_a_request_has_no_id() -> None:
    assert "request_id" not in json.loads(JsonLines().format(record("hello")))


def test_a_line_of_text_tells_the_same() -> None:
    token = CURRENT.set("abc")
    try:
        line = TextLines().format(record("hello", fields={"status": 200}))
    finally:
        CURRENT.reset(token)
    assert line.endswith("WARNING hello status=200 request_id=abc")


@pytest.mark.parametrize("lines_of", [JsonLines, TextLines])
def test_within_a_request_an_exception_keeps_its_message_to_itself(lines_of: Any) -> None:
    def told() -> str:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            made = record("failed")
            made.exc_info = (type(error), error, error.__traceback__)
            return lines_of().format(made)

    assert SECRET in told().replace("raise ValueError(SECRET)", "")
    token = CURRENT.set("abc")
    try:
        within = told()
    finally:
        CURRENT.reset(token)
    assert SECRET not in within
    assert "ValueError" in within
    assert "test_logs.py" in within


def test_json_is_for_machines_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_json("json")
    assert not is_json("text")
    for watched in (True, False):
        monkeypatch.setattr(
            "service.server.logs.sys.stderr", type("E", (), {"isatty": lambda _, w=watched: w})()
        )
        assert is_json("auto") is not watched


def test_the_configuration_can_be_used() -> None:
    configuration = log_config("json", "info")
    assert configuration["loggers"]["uvicorn.access"]["level"] == "CRITICAL"
    configurator = logging.config.DictConfigurator(configuration)
    assert isinstance(configurator.configure_formatter(configuration["formatters"]["lines"]), JsonLines)


def test_no_key_token_query_or_body_is_ever_logged(
    tmp_path: Path,
    start: Callable[..., AbstractContextManager[Any]],
    lines: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, line = make_key("alice")
    (tmp_path / "keys").write_text(line)
    settings = Settings.model_construct(threads=1, keys_file=tmp_path / "keys", access_log=True)
    given = {"Authorization": f"Bearer {key}", "X-Request-ID": "mine"}
    with start(create_app(settings)) as client:
        client.get(f"/v1/weights?shape=2&init=ones&name={SECRET}", headers=given)
        token = client.get("/v1/weights?shape=2&init=ones", headers=given).headers["content-location"]
        client.get(token, headers=given)
        client.get(f"/{SECRET}", headers=given)
        client.post("/v1/weights", content=f'{{"{SECRET}": 1}}'.encode(), headers=given)
        client.get("/v1/schemes", headers={"Authorization": f"Bearer {SECRET}"})

        def fail(*_: object) -> None:
            raise RuntimeError(SECRET)

        monkeypatch.setattr(client.app.state.weights.files, "by_query", fail)
        assert client.get(f"/v1/weights?shape=2&init=ones&name={SECRET}", headers=given).status_code == 500
    text = lines.getvalue()
    requests = [entry for entry in map(json.loads, text.splitlines()) if entry["logger"] == ACCESS]
    assert [entry["status"] for entry in requests] == [200, 200, 200, 404, 422, 401, 500]
    assert [entry.get("key") for entry in requests] == ["alice"] * 5 + [None, "alice"]
    assert requests[2]["route"] == "/v1/weights/{token}"
    assert requests[2]["request_id"] == "mine"
    for hidden in (SECRET, key, token.rpartition("/")[2], "s1."):
        assert hidden not in text


def test_without_the_setting_requests_are_not_logged(client: Any, lines: io.StringIO) -> None:
    client.get("/healthz")
    assert ACCESS not in lines.getvalue()
