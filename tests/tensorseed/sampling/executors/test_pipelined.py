"""Pipelined chunks: draws sent ahead, and the rest at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tensorseed.sampling.distributions import Constant, Normal, Orthogonal, Sparse, Uniform, ZeroRange
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors import pipelined
from tensorseed.sampling.executors.pipelined import PipelinedExecutor
from tensorseed.sampling.executors.tensor import TensorExecutor
from tensorseed.sampling.philox import Stream
from tests.tensorseed.draws import DRAWN, FLOATS, bits

FLOAT32 = DTYPES["float32"]
STREAM = Stream(42, "weight")


class Sender:
    """Copies at last: what is sent arrives when it is asked for."""

    def __init__(self) -> None:
        self.sent = 0

    def __call__(self, values: Any) -> Any:
        self.sent += 1
        return lambda: values.numpy()


def pipeline(elements: int, dtype: Any) -> tuple[PipelinedExecutor, Sender, Any]:
    """An executor of a chunk, what it sends with, and the chunk."""
    chunk, sender = np.zeros(elements * dtype.itemsize, np.uint8), Sender()
    return PipelinedExecutor(TensorExecutor("cpu"), sender, chunk), sender, chunk.view(dtype.storage)


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("what", DRAWN[:3], ids=str)
def test_a_draw_is_under_way_until_it_lands(what, dtype, monkeypatch):
    monkeypatch.setattr(pipelined, "PIECE", 100)
    executor, sender, chunk = pipeline(333, dtype)
    executor.fill(what, dtype, STREAM, 7, chunk[1:])
    assert sender.sent == 4
    assert not chunk.view(np.uint8).any()
    executor.synchronize()
    assert not chunk[:1].view(np.uint8).any()
    assert np.array_equal(chunk[1:].view(np.uint8), bits(what, dtype, 332, first=7).view(np.uint8))


@pytest.mark.parametrize(
    "what",
    [Constant(0.5), ZeroRange(Normal(0, 1), 30, 90), Sparse(23, 23, 5, 0.1), Orthogonal(23, 23, 1.0)],
    ids=lambda what: type(what).__name__,
)
def test_what_is_more_than_drawn_is_there_at_once(what):
    executor, sender, chunk = pipeline(500, FLOAT32)
    executor.fill(what, FLOAT32, STREAM, 3, chunk)
    assert sender.sent == 0
    assert np.array_equal(chunk, bits(what, FLOAT32, 500, first=3))
    executor.synchronize()
    assert np.array_equal(chunk, bits(what, FLOAT32, 500, first=3))


def test_what_is_not_part_of_the_chunk_is_there_at_once():
    executor, sender, _ = pipeline(8, FLOAT32)
    element = np.zeros(1, np.float32)
    executor.fill(Uniform(1, 2), FLOAT32, STREAM, 5, element)
    assert element[0] >= 1
    assert sender.sent == 0


def test_a_selection_is_there_at_once():
    executor, sender, chunk = pipeline(4, FLOAT32)
    chosen = np.array([9, 2, 200, 2], np.int64)
    executor.gather(Normal(0, 1), FLOAT32, STREAM, chosen, chunk)
    assert np.array_equal(chunk, bits(Normal(0, 1), FLOAT32, 201)[chosen])
    assert sender.sent == 0


def test_landing_twice_writes_once():
    executor, _, chunk = pipeline(8, FLOAT32)
    executor.fill(Normal(0, 1), FLOAT32, STREAM, 0, chunk)
    executor.synchronize()
    chunk[:] = 0
    executor.synchronize()
    assert not chunk.any()
