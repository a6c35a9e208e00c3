"""Spans of the work: one for each kind, and equal bytes without them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from service.server.app import create_app
from service.settings import Settings
from service.telemetry import MAX_TENSORS, TRACER, range_attributes, span
from service.worker.worker import Worker
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.conftest import Client, started

NETWORK = {
    "layers": [{"name": "fc", "type": "Linear", "in_features": 2, "out_features": 2}],
    "input": {"data": [[1, 2]]},
}
MIXED = {
    "layers": [
        {"name": "a", "type": "Tensor", "shape": [64, 64], "init": "normal"},
        {"name": "b", "type": "Tensor", "shape": [64, 64], "init": "zeros", "dtype": "float16"},
    ]
}


def file_of(spec: dict[str, Any]) -> VirtualFile:
    return open_file(parse_spec(json.dumps(spec).encode(), Limits()))


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(scope="module")
def traced(exporter: InMemorySpanExporter) -> Iterator[Client]:
    """A client of a traced service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.server.traces.make_exporter", lambda: exporter)
        app = create_app(Settings.model_construct(threads=2, chunk_bytes=4_096, traces=True))
    with started(app) as client:
        yield client


@pytest.fixture
def spans(traced: Client, exporter: InMemorySpanExporter) -> Callable[..., list[ReadableSpan]]:
    """The spans below that of a request."""

    def ask(method: str, url: str, **arguments: Any) -> list[ReadableSpan]:
        traced.app.state.traces.provider.force_flush()
        exporter.clear()
        traced.request(method, url, **arguments)
        traced.app.state.traces.provider.force_flush()
        return [span for span in exporter.get_finished_spans() if span.kind.name == "INTERNAL"]

    return ask


def url_of(client: Client, spec: dict[str, Any]) -> str:
    return str(client.post("/v1/weights/plan", content=json.dumps(spec).encode()).json()["url"])


@pytest.mark.parametrize(
    ("method", "url", "content", "names"),
    [
        ("GET", "/v1/weights?shape=3&init=ones&seed=7", None, ["parse", "generate"]),
        ("GET", "/v1/weights?shape=64,64&init=normal", None, ["parse", "generate"]),
        ("GET", f"/v1/weights?shape=3&init=ones&name={'a' * 600}", None, ["parse", "generate"]),
        ("HEAD", "/v1/weights?shape=64,65&init=normal", None, ["parse"]),
        ("POST", "/v1/weights", MIXED, ["parse", "generate"]),
        ("POST", "/v1/weights/plan", MIXED, ["parse", "plan"]),
        (
            "GET",
            "/v1/weights?shape=8,8&init=normal&generator=torch",
            None,
            ["parse", "materialise", "generate"],
        ),
        ("GET", "/v1/weights?shape=20000,200&init=orthogonal", None, ["parse", "prepare", "generate"]),
        ("POST", "/v1/losses/mse_loss", {"input": [1.0], "target": [2.0]}, ["loss"]),
        ("POST", "/v1/evaluations", NETWORK, ["parse", "evaluate"]),
        ("GET", "/v1/schemes", None, []),
    ],
)
def test_every_kind_of_work_has_its_span(
    spans: Callable[..., list[ReadableSpan]], method: str, url: str, content: Any, names: list[str]
) -> None:
    body = None if content is None else json.dumps(content).encode()
    assert [span.name for span in spans(method, url, content=body)] == names


def test_work_by_token_has_its_spans(traced: Client, spans: Callable[..., list[ReadableSpan]]) -> None:
    url = url_of(traced, {**MIXED, "seed": 5})
    as_json = {"Accept": "application/json"}
    assert [span.name for span in spans("GET", f"{url}/tensors/a?slice=0:1")] == ["slice", "generate"]
    assert [span.name for span in spans("GET", url, headers=as_json)] == ["generate"]
    assert [span.name for span in spans("GET", f"{url}/digest")] == ["generate"]
    assert [span.name for span in spans("GET", f"{url}/digest")] == []  # it is known


def test_what_a_generation_tells(traced: Client, spans: Callable[..., list[ReadableSpan]]) -> None:
    url = url_of(traced, MIXED)
    size = int(traced.head(url).headers["content-length"])
    (whole,) = spans("GET", url)
    assert whole.attributes == {
        "tensorseed.generator": "philox",
        "tensorseed.tensors": 2,
        "tensorseed.device": "auto",
        "tensorseed.schemes": ("normal", "zeros"),
        "tensorseed.dtypes": ("float16", "float32"),
        "tensorseed.bytes": size,
        "tensorseed.complete": True,
    }
    (part,) = spans("GET", url, headers={"Range": f"bytes={size - 8_000}-"})
    assert part.attributes is not None
    assert part.attributes["tensorseed.schemes"] == ("zeros",)
    assert part.attributes["tensorseed.bytes"] == 8_000


def test_what_a_loss_and_an_evaluation_tell(spans: Callable[..., list[ReadableSpan]]) -> None:
    (loss,) = spans("POST", "/v1/losses/l1_loss", content=b'{"input": [1.0], "target": [2.0]}')
    assert loss.attributes == {"tensorseed.loss": "l1_loss", "tensorseed.request_bytes": 33}
    _, evaluation = spans("POST", "/v1/evaluations", content=json.dumps(NETWORK).encode())
    assert evaluation.attributes is not None
    assert evaluation.attributes["tensorseed.variants"] == 1
    assert evaluation.attributes["tensorseed.nodes"] == 1
    assert evaluation.attributes["tensorseed.device"] in ("cpu", "auto")


def test_a_faulty_spec_marks_the_parse(spans: Callable[..., list[ReadableSpan]]) -> None:
    for method, url, content in (("POST", "/v1/weights", b"{"), ("GET", "/v1/weights?shape=x", None)):
        (span,) = spans(method, url, content=content)
        assert span.name == "parse"
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description is None
        assert span.attributes is not None
        assert span.attributes["error.type"] in ("SpecError", "QueryError")
        assert span.events == ()


def test_the_schemes_of_very_many_tensors_are_not_looked_for() -> None:
    entry = {"name": f"a{{0..{MAX_TENSORS}}}", "type": "Tensor", "shape": [1], "init": "ones"}
    file = file_of({"layers": [entry]})
    assert "tensorseed.schemes" not in range_attributes(file, 0, file.size)
    assert range_attributes(file, 0, file.size)["tensorseed.tensors"] == MAX_TENSORS + 1


def test_a_reader_that_leaves_ends_the_span() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    worker = Worker(1, 4_096, 2)
    file = file_of(MIXED)

    async def leave() -> int:
        TRACER.set(provider.get_tracer("test"))
        async with aclosing(worker.stream(file, 0, file.size)) as chunks:
            async for chunk in chunks:
                return len(chunk)
        return 0

    async def scenario() -> int:
        try:
            return await leave()
        finally:
            await worker.close()

    nbytes = asyncio.run(scenario())
    (span,) = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["tensorseed.bytes"] == nbytes
    assert span.attributes["tensorseed.complete"] is False


def test_the_bytes_are_those_of_an_untraced_service(traced: Client, client: Client) -> None:
    for url in (
        "/v1/weights?shape=3&init=ones",
        "/v1/weights?shape=64,64&init=normal",
        "/v1/weights?shape=64,16&init=orthogonal",
        url_of(client, MIXED),
        f"{url_of(client, MIXED)}/digest",
    ):
        mine, theirs = traced.get(url), client.get(url)
        assert mine.content == theirs.content
        assert dict(mine.headers) | {"x-request-id": ""} == dict(theirs.headers) | {"x-request-id": ""}


def test_a_span_within_a_thread_is_below_the_one_that_started_it() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    worker = Worker(1, 4_096, 2)

    def compute(*_: object) -> None:
        with span("inner"):
            pass

    async def scenario() -> None:
        TRACER.set(provider.get_tracer("test"))
        with span("outer"):
            await worker.run(compute)
            await worker.run_cancellable(compute)
        await worker.close()

    asyncio.run(scenario())
    *inner, outer = exporter.get_finished_spans()
    assert [found.name for found in inner] == ["inner", "inner"]
    assert all(found.parent == outer.context for found in inner)


def test_without_a_tracer_nothing_is_recorded() -> None:
    with span("parse", {"tensorseed.steps": 1}) as parsing:
        assert not parsing.is_recording()
    with pytest.raises(ValueError, match="passes"), span("parse"):
        raise ValueError("passes")
