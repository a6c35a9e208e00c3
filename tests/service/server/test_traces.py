"""Traces: switching, export to a collector, and excluded data."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import get_current_span

from service.__main__ import main
from service.server.app import create_app
from service.server.logs import ACCESS, JsonLines
from service.server.traces import TracesError, check_traces, start_traces
from service.settings import Settings

TRACED = Settings.model_construct(threads=1, traces=True)
EXTRA = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.semconv")  # the API is FastAPI's
WEIGHT = "/v1/weights?shape=2&init=ones"

Start = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ExportTraceServiceRequest]]:
    """What a collector of traces receives."""
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield received
        server.shutdown()


def test_spans_reach_a_collector_before_the_service_ends(
    collector: list[ExportTraceServiceRequest], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=9")
    with start(create_app(TRACED)) as client:
        assert client.get(WEIGHT).status_code == 200
    (resource,) = [entry for message in collector for entry in message.resource_spans]
    told = {entry.key: entry.value.string_value for entry in resource.resource.attributes}
    assert told["service.name"] == "tensorseed"
    assert told["service.version"] == "9"
    assert told["deployment.environment.name"] == "test"
    assert {span.name for scope in resource.scope_spans for span in scope.spans} == {
        *("parse", "generate", "GET /v1/weights")
    }


def test_what_is_not_sampled_is_not_sent(
    collector: list[ExportTraceServiceRequest], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with start(create_app(TRACED)) as client:
        assert client.get(WEIGHT).status_code == 200
    assert collector == []


def test_opentelemetry_can_be_disabled_by_its_own_variable(
    collector: list[ExportTraceServiceRequest], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with start(create_app(TRACED)) as client:
        assert client.get(WEIGHT).status_code == 200
    assert collector == []


def test_a_variable_that_cannot_be_used_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1000000")
    with pytest.raises(TracesError, match="OTEL_"):
        start_traces()


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(EXTRA)]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("without_extra")
def test_without_the_extra_the_start_stops_and_names_it() -> None:
    with pytest.raises(TracesError, match=r"install tensorseed\[otel\]"):
        check_traces()
    result = CliRunner().invoke(main, ["serve", "--traces", "--port", "0"])
    assert result.exit_code == 2
    assert "tensorseed[otel]" in result.output


@pytest.mark.usefixtures("without_extra")
def test_without_the_setting_the_extra_is_not_needed(start: Start) -> None:
    with start(create_app(Settings.model_construct(threads=1))) as client:
        assert client.get(WEIGHT).status_code == 200


def test_without_the_setting_nothing_of_it_is_imported() -> None:
    code = """
import sys
from service.__main__ import main
from service.server.app import create_app
from service.settings import Settings
create_app(Settings.model_construct())
extra = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.semconv")
raise SystemExit(repr([name for name in sys.modules if name.startswith(extra)]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stderr.strip() == "[]"


def test_the_telemetry_of_the_framework_is_off(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: provider)
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    with start(create_app(Settings.model_construct(threads=1))) as client:
        assert client.get(WEIGHT).status_code == 200
    assert exporter.get_finished_spans() == ()


def test_a_collector_that_hangs_does_not_keep_the_service(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    class Hanging:
        def export(self, _: object) -> None:
            release.wait()

        def shutdown(self) -> None:
            pass

    monkeypatch.setattr("service.server.traces.make_exporter", Hanging)
    monkeypatch.setattr("service.server.traces.CLOSE_SECONDS", 0.01)
    with start(create_app(TRACED)) as client:
        client.get(WEIGHT)
    assert not release.is_set()
    release.set()


def test_log_lines_have_the_trace(
    collector: list[ExportTraceServiceRequest], start: Start, tmp_path: Path
) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger(ACCESS)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with start(create_app(TRACED.model_copy(update={"access_log": True}))) as client:
            client.get(WEIGHT, headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"})
            client.get("/healthz")
    finally:
        logger.removeHandler(handler)
    within, without = map(json.loads, written.getvalue().splitlines())
    assert within["trace_id"] == "ab" * 16
    assert len(within["span_id"]) == 16
    assert within["span_id"] != "cd" * 8
    assert "trace_id" not in without
    assert not get_current_span().get_span_context().is_valid
