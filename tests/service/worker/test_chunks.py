"""A chunk is its bytes of the file, of any size, in memory that comes back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from service.worker.chunk_sizer import GROWTH, SIZES
from service.worker.chunks import MARGIN, Chunks
from service.worker.observers import NOBODY
from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec

UNIT = 4_096


@pytest.fixture
def chunks() -> Chunks:
    return Chunks(UNIT, NOBODY)


@pytest.mark.parametrize("size", [1, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT, GROWTH * UNIT, GROWTH * UNIT + 999])
@pytest.mark.parametrize("start", [0, 1, 8, 16, 1_003])
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_a_chunk_is_its_bytes_of_the_file(chunks, size, start, dtype):
    layer = {"name": "w", "type": "Tensor", "shape": [100_000], "init": "normal", "dtype": dtype}
    file = open_file(parse_spec(json.dumps({"layers": [layer]}).encode(), Limits()))
    executor = CompiledExecutor()
    whole = file.read(0, file.size, executor).tobytes()
    assert bytes(chunks.compute(file, start, start + size, executor)) == whole[start : start + size]


@pytest.mark.parametrize("units", SIZES)
def test_memory_comes_back_to_chunks_of_its_size(chunks, units):
    layer = {"name": "w", "type": "Tensor", "shape": [100_000], "init": "normal"}
    file = open_file(parse_spec(json.dumps({"layers": [layer]}).encode(), Limits()))
    size, start, executor = units * UNIT, 3 * units * UNIT, CompiledExecutor()
    first = chunks.compute(file, 0, size, executor)
    assert not chunks._buffers._free
    del first
    [kept] = chunks._buffers._free.values()
    assert kept.size == size + MARGIN
    again = chunks.compute(file, start, start + size, executor)
    assert np.shares_memory(np.frombuffer(again, np.uint8), kept)
    assert not chunks._buffers._free


def test_zeros(chunks):
    assert bytes(chunks.zeros(GROWTH * UNIT)) == bytes(GROWTH * UNIT)
    assert len(chunks.zeros(3)) == 3
