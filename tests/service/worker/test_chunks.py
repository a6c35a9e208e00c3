"""Chunks: the bytes of the file, reused memory, immediate cheap ones."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from service.worker.chunks import (
    MARGIN,
    MAX_CHEAP_ELEMENTS,
    MAX_CHEAP_TENSORS,
    MAX_CHUNK_SECONDS,
    MAX_CHUNK_TENSORS,
    MAX_GROWTH,
    SIZES,
    ChunkComputer,
    bounded,
    is_cheap,
    is_zeros,
)
from service.worker.metrics_hooks import NO_METRICS
from service.worker.worker import Worker
from tensorseed.files.elements import element_source
from tensorseed.files.virtual_file import VirtualFile, open_file, open_slice
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec

UNIT = 4_096


@pytest.fixture
def chunks() -> ChunkComputer:
    return ChunkComputer(UNIT, NO_METRICS)


@pytest.mark.parametrize(
    "size", [1, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT, MAX_GROWTH * UNIT, MAX_GROWTH * UNIT + 999]
)
@pytest.mark.parametrize("start", [0, 1, 8, 16, 1_003])
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_a_chunk_is_its_bytes_of_the_file(chunks, size, start, dtype):
    layer = {"name": "w", "type": "Tensor", "shape": [100_000], "init": "normal", "dtype": dtype}
    file = open_file(parse_spec(json.dumps({"layers": [layer]}).encode(), Limits()))
    source = element_source(file.resolved)
    whole = file.read(0, file.size, source).tobytes()
    assert bytes(chunks.compute(file, start, start + size, source)) == whole[start : start + size]


@pytest.mark.parametrize("units", SIZES)
def test_memory_comes_back_to_chunks_of_its_size(chunks, units):
    layer = {"name": "w", "type": "Tensor", "shape": [100_000], "init": "normal"}
    file = open_file(parse_spec(json.dumps({"layers": [layer]}).encode(), Limits()))
    size, start, source = units * UNIT, 3 * units * UNIT, element_source(file.resolved)
    first = chunks.compute(file, 0, size, source)
    assert not chunks._buffers._free
    del first
    [kept] = chunks._buffers._free.values()
    assert kept.size == size + MARGIN
    again = chunks.compute(file, start, start + size, source)
    assert np.shares_memory(np.frombuffer(again, np.uint8), kept)
    assert not chunks._buffers._free


def test_zeros(chunks):
    assert bytes(chunks.zeros(MAX_GROWTH * UNIT)) == bytes(MAX_GROWTH * UNIT)
    assert len(chunks.zeros(3)) == 3


def file_of(*layers: dict[str, Any], **spec: Any) -> VirtualFile:
    named = [{"name": f"w{i}", "type": "Tensor", **layer} for i, layer in enumerate(layers)]
    return open_file(parse_spec(json.dumps({**spec, "layers": named}).encode(), Limits()))


def normal(*shape: int) -> dict[str, Any]:
    return {"shape": shape, "init": "normal"}


@pytest.mark.parametrize(
    ("file", "quick"),
    [
        (file_of(normal(MAX_CHEAP_ELEMENTS)), True),
        (file_of(normal(MAX_CHEAP_ELEMENTS + 2)), False),
        (file_of(*[normal(2)] * MAX_CHEAP_TENSORS), True),
        (file_of(*[normal(2)] * (MAX_CHEAP_TENSORS + 1)), False),
        (file_of({"shape": [4, 4], "init": "orthogonal"}), False),
        (file_of({"shape": [4, 4], "init": {"kind": "sparse", "sparsity": 0.5}}), False),
        (file_of({"shape": [MAX_CHEAP_ELEMENTS], "init": "zeros", "dtype": "float8_e5m2"}), True),
        (file_of(normal(4), device="cuda"), False),
        (file_of(normal(4), generator="torch"), False),
        (open_slice(file_of(normal(64, 64)), "w0", "0:2"), False),
    ],
)
def test_quick_is_little_work_on_the_cpu(file, quick):
    assert is_cheap(file, 0, file.size) is quick
    assert is_cheap(file, 0, 8)  # the header alone always is


def test_a_piece_of_a_large_file_is_quick():
    file = file_of(normal(1 << 20, 1 << 10), normal(1 << 30))
    assert is_cheap(file, file.size - 4 * MAX_CHEAP_ELEMENTS, file.size)
    assert not is_cheap(file, file.size - 4 * MAX_CHEAP_ELEMENTS - 8, file.size)


def test_the_bytes_are_those_of_the_file():
    file = file_of(normal(100, 7), {"shape": [33], "init": "uniform", "dtype": "bfloat16"}, normal(3))
    worker = Worker(1, 1 << 20, 4)
    whole = file.read(0, file.size).tobytes()
    for start, stop in [(0, file.size), (3, 50), (len(file.header) + 1, file.size - 1)]:
        found = worker.at_once(file, start, stop)
        assert found is not None
        assert bytes(found) == whole[start:stop]


def test_no_more_than_a_chunk():
    file = file_of(normal(2_000))
    worker = Worker(1, 4_096, 4)
    assert worker.at_once(file, 0, file.size) is None
    assert worker.at_once(file, 0, 4_096) is not None


def zeros(*shape: int, **entry: Any) -> dict[str, Any]:
    return {"shape": shape, "init": "zeros", **entry}


def test_bytes_that_are_zero_are_known_to_be():
    file = file_of(zeros(1_000), normal(10), zeros(50, dtype="bfloat16"), zeros(60, dtype="bfloat16"))
    whole = file.read(0, file.size).tobytes()
    entries = {entry.tensor.name: entry for entry in file.entries()}
    first, drawn, last = entries["w0"], entries["w1"], entries["w3"]
    assert is_zeros(file, first.start, first.stop)
    assert is_zeros(file, entries["w2"].start + 3, last.stop)
    assert not is_zeros(file, first.start, drawn.start + 1)
    assert not is_zeros(file, 0, first.stop)
    assert not any(whole[first.start : first.stop])
    torch = file_of(zeros(10), generator="torch")
    assert not is_zeros(torch, len(torch.header), torch.size)
    negative = file_of({"shape": [10], "init": {"kind": "constant", "value": -0.0}})
    assert not is_zeros(negative, len(negative.header), negative.size)


def chunks_of(file: VirtualFile, start: int, size: int) -> list[tuple[int, int, float]]:
    """The chunks of the bytes from `start` on, `size` of them at most: start, stop and cost."""
    found, at = [], start
    while at < start + size:
        chunk = bounded(file, at, min(at + MIB, start + size))
        assert at < chunk.stop
        found.append((at, chunk.stop, chunk.seconds))
        at = chunk.stop
    return found


MIB = 1 << 20


def test_a_chunk_of_many_tensors_is_cut_between_them():
    many = {"name": "a.{0..9999}", "type": "Tensor", "shape": [0], "init": "zeros"}
    layers = [{**many, "name": "b.{0..9999}", "shape": [2, 1], "init": "orthogonal"}, many]
    file = open_file(parse_spec(json.dumps({"layers": layers}).encode(), Limits()))
    chunks = chunks_of(file, 0, file.size)
    assert [start for start, *_ in chunks[1:]] == [stop for _, stop, _ in chunks[:-1]]
    assert chunks[-1][1] == file.size
    tensors = [file.entries_within(start, stop) for start, stop, _ in chunks]
    assert all(
        sum(start <= entry.start < entry.stop for entry in entries) <= MAX_CHUNK_TENSORS
        for entries, (start, *_) in zip(tensors, chunks, strict=True)
    )


@pytest.mark.parametrize(
    ("layer", "least"),
    [
        ({"shape": [1 << 12, 1 << 12], "init": "normal"}, 1),
        ({"shape": [1 << 12, 1 << 12], "init": "sinusoidal", "dtype": "float8_e5m2"}, 3),
        ({"shape": [1 << 12, 1 << 12], "init": "eye", "dtype": "float8_e5m2"}, 2),
        ({"shape": [1 << 10, 1 << 14], "init": {"kind": "sparse", "sparsity": 0.5}, "dtype": "bfloat16"}, 1),
        ({"shape": [1 << 20, 64], "init": "orthogonal"}, 1),
    ],
)
def test_a_chunk_of_dear_elements_is_divided(layer, least):
    file = file_of(layer)
    chunks = chunks_of(file, file.size - MIB, MIB)
    assert len(chunks) >= least
    assert all(cost <= MAX_CHUNK_SECONDS for *_, cost in chunks)


def test_rows_that_share_their_reflections_stay_together():
    file = file_of({"shape": [1 << 14, 1 << 14], "init": "orthogonal", "dtype": "float8_e5m2"})
    [(_, _, cost)] = chunks_of(file, file.size - MIB, MIB)
    assert cost > MAX_CHUNK_SECONDS
    middle = bounded(file, 0, MIB)  # the first rows take few reflections
    assert middle.seconds < cost / 10


def test_a_column_of_a_matrix_costs_its_rows():
    whole = file_of({"shape": [1 << 12, 1 << 12], "init": "orthogonal"})
    column = open_slice(whole, "w0", ":,7:8")
    row = open_slice(whole, "w0", "4095:4096,:")
    assert bounded(column, 0, column.size).seconds > 4 * bounded(row, 0, row.size).seconds
