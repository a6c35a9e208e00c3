"""Warnings that are dropped, and filters that are as they were afterwards."""

from __future__ import annotations

import warnings
from threading import Event, Thread

import pytest
import torch

from tensorseed.concurrency.warning_filters import suppress_warnings
from tests.tensorseed.evaluations.cases import report
from tests.waiting import PATIENCE


def test_nothing_warns_within() -> None:
    with suppress_warnings(), suppress_warnings():
        warnings.warn("something", stacklevel=1)
    with pytest.raises(UserWarning, match="something"):
        warnings.warn("something", stacklevel=1)


def test_threads_that_overlap_leave_the_filters_as_they_were() -> None:
    before = list(warnings.filters)
    entered, overlapped = Event(), Event()

    def first() -> None:
        with suppress_warnings():
            entered.set()
            overlapped.wait(PATIENCE)

    thread = Thread(target=first)
    thread.start()
    entered.wait(PATIENCE)
    with suppress_warnings():
        overlapped.set()
        thread.join()
        warnings.warn("something", stacklevel=1)
    assert list(warnings.filters) == before


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (
            {"type": "Conv1d", "in_channels": 4, "out_channels": 4, "kernel_size": 2, "padding": "same"},
            [2, 4, 6],
        ),
        ({"type": "LSTM", "input_size": 4, "hidden_size": 4, "proj_size": 2}, [2, 3, 4]),
        ({"type": "GRU", "input_size": 4, "hidden_size": 4, "dropout": 0.5}, [2, 3, 4]),
    ],
)
def test_an_evaluation_is_without_torchs_warnings(layer: dict[str, object], shape: list[int]) -> None:
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        report({"layers": [{"name": "x", **layer}], "input": {"shape": shape, "init": "normal"}})
    finally:
        torch.set_warn_always(before)
