"""Small files of any seed, against files that are computed at once."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.telemetry import TRACER
from service.worker.metrics_hooks import WorkerMetrics
from service.worker.worker import Worker
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_query


class Notes(WorkerMetrics):
    """Writes down what is generated, and how often."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def add_generated_bytes(self, scheme: str, dtype: str, nbytes: int) -> None:
        self.events.append((scheme, dtype, nbytes))

    def record_generation_seconds(self, seconds: float) -> None:
        assert seconds >= 0
        self.events.append("seconds")


def file_of(seed: int, init: str, shape: str) -> VirtualFile:
    query = {"shape": shape, "init": init, "seed": str(seed), "dtype": "bfloat16"}
    return open_file(parse_query(query, Limits()))


@pytest.mark.parametrize(("init", "shape"), [("normal", "40,7"), ("ones", "8,8"), ("zeros", "0,3")])
def test_they_are_those_that_are_computed_at_once(init: str, shape: str) -> None:
    notes = Notes()
    worker = Worker(1, 1 << 20, 3, metrics=notes)
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    files = worker.reseeded(file_of(10, init, shape))
    token = TRACER.set(provider.get_tracer("test"))
    try:
        for seed in (10, 42, 99):
            expected = file_of(seed, init, shape)
            notes.events.clear()
            body = worker.at_once(expected, 0, expected.size)
            events = [*notes.events]
            notes.events.clear()
            assert files.compute(seed, expected.header) == body
            assert notes.events == events
    finally:
        TRACER.reset(token)
        provider.shutdown()
    spans = [(span.name, dict(span.attributes or {})) for span in exporter.get_finished_spans()]
    assert len(spans) == 6
    assert all(span == spans[0] for span in spans)
