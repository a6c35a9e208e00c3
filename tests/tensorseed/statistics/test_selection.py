"""Selections: what they hold, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest

from tensorseed.concurrency.cancellation import ComputationCancelledError, cancellable
from tensorseed.statistics import selection as module
from tensorseed.statistics.selection import MAX_ELEMENTS, MAX_SECONDS, Selection, read_elements, select_evenly

from .tensors import tensor_of


def test_a_small_tensor_is_read_whole() -> None:
    tensor, source = tensor_of([300, 7], "normal")
    chosen, whole = select_evenly(tensor), np.empty(2_100, np.float32)
    source.fill(tensor, 0, whole)
    assert (chosen.count, chosen.run) == (2_100, 2_100)
    assert np.array_equal(chosen.read(tensor, source), whole)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_runs_are_the_elements_at_their_places(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 1_000)
    tensor, source = tensor_of([100, 999], "normal", dtype=dtype)
    chosen = select_evenly(tensor, 5_000)
    assert chosen.count == 19 * 256
    places = (chosen.starts[:, None] + np.arange(chosen.run)).reshape(-1)
    assert len(set(places.tolist())) == chosen.count
    assert places.max() < tensor.numel
    assert np.array_equal(chosen.read(tensor, source), read_elements(tensor, places, source))


def test_runs_are_in_every_part_of_a_tensor_and_of_its_rows() -> None:
    tensor, _ = tensor_of([1 << 20, 1 << 12], "normal")
    chosen = select_evenly(tensor)
    assert chosen.count == MAX_ELEMENTS
    rows, columns = np.divmod(chosen.starts, 1 << 12)
    for places, size in ((rows, 1 << 20), (columns, 1 << 12)):
        counts, _ = np.histogram(places, 8, (0, size))
        assert counts.min() > 0.08 * chosen.starts.size


@pytest.mark.parametrize("init", ["orthogonal", "normal"])
def test_dear_elements_are_fewer(init: str) -> None:
    tensor, _ = tensor_of([8_192, 8_192], init)
    chosen = select_evenly(tensor)
    cost = tensor.distribution.seconds(tensor.dtype, chosen.elements)
    assert cost <= MAX_SECONDS or chosen.count == 1
    assert (chosen.count < MAX_ELEMENTS) == (init == "orthogonal")


def test_a_tensor_without_elements_has_none() -> None:
    tensor, source = tensor_of([0, 3], "normal")
    assert select_evenly(tensor).read(tensor, source).size == 0


@pytest.mark.parametrize("chosen", [Selection(np.arange(4) * 10, 2), Selection(np.zeros(1, np.int64), 8)])
def test_a_cancelled_computation_ends(chosen: Selection) -> None:
    tensor, source = tensor_of([100], "normal")
    with cancellable(lambda: True), pytest.raises(ComputationCancelledError):
        chosen.read(tensor, source)
