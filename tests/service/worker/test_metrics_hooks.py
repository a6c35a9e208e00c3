"""Metrics of a chunk."""

from __future__ import annotations

from service.worker.metrics_hooks import NO_METRICS, WorkerMetrics, record_chunk, time_queue
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec


class Notes(WorkerMetrics):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.bytes: list[tuple[str, str, int]] = []
        self.seconds: list[float] = []
        self.waits: list[float] = []

    def add_generated_bytes(self, scheme: str, dtype: str, nbytes: int) -> None:
        self.bytes.append((scheme, dtype, nbytes))

    def record_generation_seconds(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def record_queue_seconds(self, seconds: float) -> None:
        self.waits.append(seconds)


SPEC = b"""{"layers": [
    {"name": "{0..9}", "type": "Tensor", "shape": [100], "init": "normal"},
    {"name": "b", "type": "Tensor", "shape": [8], "init": "ones", "dtype": "float16"}
]}"""


def test_the_bytes_of_a_chunk_are_told_by_scheme_and_dtype() -> None:
    file = open_file(parse_spec(SPEC, Limits()))
    notes = Notes()
    record_chunk(notes, file, 0, file.size, 0.0)
    assert sorted(notes.bytes) == [("normal", "float32", 4_000), ("ones", "float16", 16)]
    assert len(notes.seconds) == 1


def test_chunks_add_up_to_the_file() -> None:
    file = open_file(parse_spec(SPEC, Limits()))
    notes = Notes()
    for start in range(0, file.size, 333):
        record_chunk(notes, file, start, min(start + 333, file.size), 0.0)
    assert sum(nbytes for _, _, nbytes in notes.bytes) == file.size - len(file.header)


def test_a_function_that_waits_tells_for_how_long_and_does_its_work() -> None:
    notes = Notes()
    assert time_queue(notes, divmod)(7, 2) == (3, 1)
    assert len(notes.waits) == 1
    assert notes.waits[0] >= 0


def test_nobody_costs_nothing() -> None:
    assert time_queue(NO_METRICS, divmod) is divmod
    for event in (NO_METRICS.record_queue_seconds, NO_METRICS.record_generation_seconds):
        event(1.0)
    NO_METRICS.add_generated_bytes("normal", "float32", 1)
