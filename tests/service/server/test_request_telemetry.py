"""Span of a request: name, parent, attributes, and what it leaves out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from service.server.app import create_app
from service.server.keys import make_key
from service.server.request_telemetry import _parent
from service.settings import Settings
from tests.conftest import Client, started

WEIGHT = "/v1/weights?shape=2&init=ones"
PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"
SECRET = "s3cr3t"


class Watched:
    """A client of a traced service, and the spans that its requests leave."""

    def __init__(self, client: Client, exporter: InMemorySpanExporter, key: str) -> None:
        self.client = client
        self.key = key
        self._exporter = exporter

    def spans(self, method: str, url: str, **arguments: Any) -> list[ReadableSpan]:
        """The spans of one request, that of the request itself at last."""
        self.client.app.state.traces.provider.force_flush()
        self._exporter.clear()
        fields = {"Authorization": f"Bearer {self.key}", **arguments.pop("headers", {})}
        self.client.request(method, url, headers=fields, **arguments)
        self.client.app.state.traces.provider.force_flush()
        return list(self._exporter.get_finished_spans())


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    exporter = InMemorySpanExporter()
    key, line = make_key("alice")
    path: Path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(line)
    settings = Settings.model_construct(threads=1, traces=True, keys_file=path, chunk_bytes=4_096)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.server.traces.make_exporter", lambda: exporter)
        app = create_app(settings)
    with started(app) as client:
        yield Watched(client, exporter, key)


@pytest.mark.parametrize(
    ("method", "url", "name", "route", "status"),
    [
        ("GET", WEIGHT, "GET /v1/weights", "/v1/weights", 200),
        ("HEAD", WEIGHT, "HEAD /v1/weights", "/v1/weights", 200),
        ("GET", f"/v1/weights/{SECRET}", "GET /v1/weights/{token}", "/v1/weights/{token}", 404),
        ("GET", f"/{SECRET}", "GET", None, 404),
        ("BREW", WEIGHT, "HTTP /v1/weights", "/v1/weights", 405),
        ("BREW", f"/{SECRET}", "HTTP", None, 404),
    ],
)
def test_a_request_is_named_by_its_route(
    watched: Watched, method: str, url: str, name: str, route: str | None, status: int
) -> None:
    span = watched.spans(method, url)[-1]
    assert span.name == name
    assert span.kind is SpanKind.SERVER
    assert span.attributes is not None
    assert span.attributes["http.request.method"] == ("_OTHER" if method == "BREW" else method)
    assert span.attributes["http.response.status_code"] == status
    assert span.attributes["url.scheme"] == "http"
    assert span.attributes.get("http.route") == route
    assert span.attributes["tensorseed.complete"] is True
    assert span.status.status_code is StatusCode.UNSET  # the fault is the client's


def test_the_answer_is_counted(watched: Watched) -> None:
    span = watched.spans("GET", WEIGHT)[-1]
    assert span.attributes is not None
    assert span.attributes["tensorseed.body_bytes"] == len(
        watched.client.get(WEIGHT, headers={"Authorization": f"Bearer {watched.key}"}).content
    )


def test_a_request_continues_the_trace_of_who_asks(watched: Watched) -> None:
    spans = watched.spans("GET", WEIGHT + "&seed=1", headers={"traceparent": PARENT})
    assert {format(span.context.trace_id, "032x") for span in spans} == {"ab" * 16}
    *inner, outer = spans
    assert outer.parent is not None
    assert format(outer.parent.span_id, "016x") == "cd" * 8
    assert [span.parent.span_id for span in inner if span.parent] == [outer.context.span_id] * len(inner)
    assert inner


def test_a_trace_that_is_not_recorded_there_is_not_recorded_here(watched: Watched) -> None:
    assert watched.spans("GET", WEIGHT, headers={"traceparent": PARENT[:-1] + "0"}) == []


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_machines_ask_for_is_not_traced(watched: Watched, path: str) -> None:
    assert watched.spans("GET", path) == []


def test_a_refused_request_is_traced(watched: Watched) -> None:
    (span,) = watched.spans("GET", WEIGHT, headers={"Authorization": f"Bearer {SECRET}"})
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 401


def test_a_failure_is_told_without_its_message(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(watched.client.app.state.weights.files, "by_query", fail)
    (span,) = watched.spans("GET", f"{WEIGHT}&name=new")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 500
    assert span.attributes["error.type"] == "RuntimeError"
    assert SECRET not in span.to_json()


def test_no_span_holds_what_a_client_wrote(watched: Watched) -> None:
    given = {
        "User-Agent": SECRET,
        "Cookie": SECRET,
        "X-Request-ID": SECRET,
        "baggage": f"a={SECRET}",
        "tracestate": f"a={SECRET}",
        "traceparent": PARENT,
        "Host": SECRET,
        "X-Forwarded-For": SECRET,
    }
    bearer = {"Authorization": f"Bearer {watched.key}"}
    token = watched.client.get(WEIGHT, headers=bearer).headers["content-location"].rpartition("/")[2]
    body = f'{{"layers": [{{"name": "{SECRET}", "type": "Tensor", "shape": [2], "init": "ones"}}]}}'
    written = "".join(
        span.to_json()
        for method, url, content in (
            ("GET", f"{WEIGHT}&name={SECRET}", b""),
            ("GET", f"{WEIGHT}&{SECRET}=1", b""),
            ("GET", f"/v1/weights/{token}", b""),
            ("GET", f"/v1/weights/{token}/tensors/weight?slice=0:1", b""),
            ("GET", f"/v1/weights/{token}/tensors/{SECRET}", b""),
            ("GET", f"/v1/weights/{token}/digest", b""),
            ("GET", f"/{SECRET}", b""),
            ("GET", f"/docs/assets/{SECRET}", b""),
            ("POST", "/v1/weights", body.encode()),
            ("POST", "/v1/weights/plan", body.encode()),
            ("POST", "/v1/weights/plan", SECRET.encode()),
            ("POST", f"/v1/losses/{SECRET}", b"{}"),
            ("POST", "/v1/losses/mse_loss", f'{{"{SECRET}": 1}}'.encode()),
            ("POST", "/v1/evaluations", f'{{"{SECRET}": 1}}'.encode()),
            (SECRET.upper(), "/v1/weights", b""),
        )
        for span in watched.spans(method, url, headers=given, content=content)
    )
    assert written.count("SpanKind.SERVER") == 15
    for hidden in (SECRET, SECRET.upper(), watched.key, token, "s1.", "alice", "127.0.0.1"):
        assert hidden not in written


@given(st.lists(st.binary(max_size=200), max_size=3))
@example([PARENT.encode(), PARENT.encode()])
@example([b"00-" + b"a" * 600])
@example([b"\xff"])
def test_a_field_that_is_no_traceparent_begins_a_trace_and_logs_nothing(values: list[bytes]) -> None:
    logged: list[logging.LogRecord] = []
    logger = logging.getLogger("opentelemetry")
    handler = logging.Handler()
    handler.emit = logged.append  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        context = _parent({"headers": [(b"traceparent", value) for value in values]})
    finally:
        logger.removeHandler(handler)
    assert not get_current_span(context).get_span_context().is_valid
    assert logged == []


def test_a_traceparent_is_read() -> None:
    context = _parent({"headers": [(b"traceparent", PARENT.encode()), (b"tracestate", b"=,=")]})
    found = get_current_span(context).get_span_context()
    assert found.is_remote
    assert format(found.trace_id, "032x") == "ab" * 16
    assert not found.trace_state
