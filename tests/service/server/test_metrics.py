"""Metrics, and the dashboard that reads them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.http.errors import Limit
from service.server.app import create_app
from service.server.error_handlers import PROBLEMS
from service.server.metrics import METHODS, OTHER, Metrics
from service.settings import Settings
from service.worker.chunks import ChunkComputer
from service.worker.metrics_hooks import NO_METRICS

DASHBOARD = Path(__file__).parents[3] / "deploy" / "grafana" / "tensorseed.json"
WEIGHT = "/v1/weights?shape=256,784&init=xavier_uniform&seed=42"


@pytest.fixture
def fresh(start: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """A client of an application that has answered nothing yet."""
    with start(create_app(Settings.model_construct(threads=2, chunk_bytes=4_096))) as client:
        yield client


def value(client: Any, name: str, **labels: str) -> float | None:
    """A sample of /metrics; None if it is not there."""
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def test_requests_are_counted_by_template_method_and_status(fresh: Any) -> None:
    token = fresh.head(WEIGHT).headers["content-location"]
    for _ in range(3):
        fresh.get(token)
    fresh.get("/v1/weights/s1.nothing")
    fresh.get("/nothing")
    count = "tensorseed_requests_total"
    assert value(fresh, count, route="/v1/weights/{token}", method="GET", status="200") == 3
    assert value(fresh, count, route="/v1/weights/{token}", method="GET", status="404") == 1
    assert value(fresh, count, route="/v1/weights", method="HEAD", status="200") == 1
    assert value(fresh, count, route="(none)", method="GET", status="404") == 1
    assert value(fresh, "tensorseed_request_seconds_count", route="/v1/weights/{token}") == 4


def test_nothing_that_a_client_writes_becomes_a_label(fresh: Any) -> None:
    for path in ("/v1/secret-a", "/docs/assets/secret-b", "/v1/losses/secret-c", "/openapi.json/secret-d"):
        fresh.get(path)
    fresh.request("SECRET", "/healthz")
    assert "secret" not in fresh.get("/metrics").text.lower()


def test_bytes_are_counted_by_scheme_and_dtype(fresh: Any) -> None:
    spec = {
        "layers": [
            {"name": "a", "type": "Tensor", "shape": [3_000], "init": "normal"},
            {"name": "b", "type": "Tensor", "shape": [1_000], "init": "ones", "dtype": "bfloat16"},
        ]
    }
    assert fresh.post("/v1/weights", json=spec).status_code == 200
    count = "tensorseed_generated_bytes_total"
    assert value(fresh, count, scheme="normal", dtype="float32") == 12_000
    assert value(fresh, count, scheme="ones", dtype="bfloat16") == 2_000
    chunks = value(fresh, "tensorseed_generation_seconds_count")
    assert chunks is not None
    assert chunks >= 1


def test_a_streamed_file_waits_in_the_queue(fresh: Any) -> None:
    fresh.get("/v1/weights?shape=64,64&init=orthogonal")
    assert (
        value(fresh, "tensorseed_generated_bytes_total", scheme="orthogonal", dtype="float32") == 64 * 64 * 4
    )
    waited, chunks = (value(fresh, f"tensorseed_{name}_seconds_count") for name in ("queue", "generation"))
    assert waited == chunks
    assert value(fresh, "tensorseed_cancelled_streams_total") == 0


def test_the_present_is_told(fresh: Any) -> None:
    state = fresh.app.state
    with state.streams.admit(), state.evaluations.admit(), state.losses.admit():
        assert value(fresh, "tensorseed_active_streams") == 1
        assert value(fresh, "tensorseed_active_evaluations") == 2
    assert value(fresh, "tensorseed_active_streams") == 0
    assert value(fresh, "tensorseed_ready_processes") == 1
    total, free = (
        value(fresh, "tensorseed_device_memory_bytes", device="cpu", kind=kind) for kind in ("total", "free")
    )
    assert total is not None
    assert free is not None
    assert 0 < free < total


def test_an_answer_that_ends_early_is_counted() -> None:
    metrics = Metrics()
    metrics.record_request("/x", "GET", 200, 0.1, 10, complete=False)
    metrics.record_request("/x", "BREW", 0, 0.1, 0, complete=False)
    text = metrics.text().decode()
    assert "tensorseed_cancelled_streams_total 2.0" in text
    assert 'method="other",route="/x",status="none"' in text


def samples(client: Any, name: str) -> dict[tuple[str, ...], float]:
    """The values of a counter, by its labels in the order of their names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.name == name
    }


def test_every_counter_is_there_from_the_start(fresh: Any) -> None:
    requests = samples(fresh, "tensorseed_requests_total")
    routes = {(method, route) for method, route, _ in requests}
    assert len(routes) > 50
    for route in routes:
        for status in ("200", "429", "500", "503"):
            assert requests[(*route, status)] == 0
    documented = {
        (method.upper(), path)
        for path, operations in fresh.get("/openapi.json").json()["paths"].items()
        for method in operations
    }
    assert documented <= routes
    assert {method for method, route in routes if route == "(none)"} == {*METHODS, OTHER}
    problems = samples(fresh, "tensorseed_problems_total")
    assert problems == {(kind.name,): 0 for kind in PROBLEMS.kinds.values()}
    assert samples(fresh, "tensorseed_rejected_requests_total") == {(limit,): 0 for limit in Limit}
    for name in ("cancelled_streams_total", "failed_streams_total", "failed_devices"):
        assert value(fresh, f"tensorseed_{name}") == 0


def test_a_request_is_counted_where_its_series_began(fresh: Any) -> None:
    """A label that differs from the declared one would leave that at 0 for ever."""
    known = set(samples(fresh, "tensorseed_requests_total"))
    for path in ("/docs", "/docs/assets/swagger-ui.css", "/openapi.json", "/healthz", "/v1/schemes", WEIGHT):
        assert fresh.get(path).status_code == 200
        assert fresh.head(path).status_code == 200
    assert fresh.get("/api/models/tensorseed/tiny-gpt2").status_code in (200, 404)
    counted = {labels for labels, count in samples(fresh, "tensorseed_requests_total").items() if count}
    assert len(counted) > 12
    assert {labels for labels in counted if labels[2] == "200"} <= known


def test_a_problem_is_counted_by_type_and_limit(fresh: Any) -> None:
    assert fresh.get("/nowhere").status_code == 404
    with fresh.app.state.evaluations.admit():
        fresh.app.state.evaluations.limit = 1
        assert fresh.post("/v1/evaluations", content=b"{}").status_code == 429
    assert value(fresh, "tensorseed_problems_total", type="unknown-path") == 1
    assert value(fresh, "tensorseed_problems_total", type="busy") == 1
    assert value(fresh, "tensorseed_rejected_requests_total", limit="evaluations") == 1
    assert value(fresh, "tensorseed_rejected_requests_total", limit="streams") == 0


def test_a_fault_is_counted(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("service.weights.answers.file_response", fail)
    assert fresh.get(WEIGHT).status_code == 500
    count = "tensorseed_requests_total"
    assert value(fresh, count, route="/v1/weights", method="GET", status="500") == 1
    assert value(fresh, "tensorseed_problems_total", type="internal-error") == 1
    assert value(fresh, "tensorseed_failed_streams_total") == 0  # it was answered


def test_a_fault_of_the_middleware_is_answered_and_counted(
    fresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("service.server.graceful_shutdown._is_work", fail)
    answer = fresh.get(WEIGHT)
    monkeypatch.undo()
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:tensorseed:problem:internal-error"
    assert answer.headers["x-request-id"]
    assert value(fresh, "tensorseed_requests_total", route="(none)", method="GET", status="500") == 1


def test_a_fault_within_a_stream_is_no_cancelled_one(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compute = ChunkComputer.compute

    def fail_late(self: ChunkComputer, file: Any, start: int, *rest: Any) -> memoryview:
        if start:
            raise RuntimeError
        return compute(self, file, start, *rest)

    monkeypatch.setattr(ChunkComputer, "compute", fail_late)
    with contextlib.suppress(httpx.HTTPError):
        fresh.get("/v1/weights?shape=1024,1024&init=normal")
    assert value(fresh, "tensorseed_failed_streams_total") == 1
    assert value(fresh, "tensorseed_cancelled_streams_total") == 0


def test_metrics_have_no_place_in_the_contract_and_are_not_kept(fresh: Any) -> None:
    answer = fresh.get("/metrics")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("text/plain")
    assert fresh.head("/metrics").status_code == 200
    assert fresh.post("/metrics").status_code == 405


def test_a_port_of_their_own_takes_them_off_the_main_one(
    start: Callable[..., AbstractContextManager[Any]],
) -> None:
    with start(create_app(Settings.model_construct(threads=1, metrics_port=9_999))) as client:
        assert client.get("/metrics").status_code == 404


def test_metrics_observe_every_event() -> None:
    told = [name for name in vars(type(NO_METRICS)) if not name.startswith("_")]
    assert told
    assert all(name in vars(Metrics) for name in told)


def exported() -> set[str]:
    """The names of all samples there can be."""
    metrics = Metrics()
    metrics.record_request("/x", "GET", 200, 0.1, 1, complete=True)
    metrics.add_generated_bytes("normal", "float32", 1)
    metrics.device_memory.labels("cpu", "total").set(1)
    return {s.name for f in metrics.registry.collect() for s in f.samples}


def expressions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (
            value for key, value in node.items() if key in ("expr", "query") and isinstance(value, str)
        )
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from expressions(child)


def test_the_dashboard_asks_for_what_there_is() -> None:
    found = [
        name
        for text in expressions(json.loads(DASHBOARD.read_text()))
        for name in re.findall(r"\b(?:tensorseed|process)_\w+", text)
    ]
    assert len(found) > 10
    assert set(found) <= exported()


def test_the_dashboard_shows_every_metric() -> None:
    text = " ".join(expressions(json.loads(DASHBOARD.read_text())))
    for family in Metrics().registry.collect():
        if family.name.startswith("tensorseed"):
            assert family.name in text, family.name


def test_every_panel_of_the_dashboard_has_a_place_of_its_own() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


def test_every_metric_is_documented() -> None:
    text = (DASHBOARD.parents[2] / "docs" / "operations.md").read_text()
    for family in Metrics().registry.collect():
        if family.name.startswith("tensorseed"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            assert f"| `{name}` | {family.documentation} |" in text
