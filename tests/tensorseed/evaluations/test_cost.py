"""The estimates that bound an evaluation: multiply-adds as torch counts them, and their rates."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tensorseed.evaluations.chain import unroll
from tensorseed.evaluations.cost import CONVOLUTIONS, MATRICES, SLOW, rate, work
from tensorseed.evaluations.flow import build, through
from tensorseed.evaluations.kinds import Part
from tests.tensorseed.evaluations import cases
from tests.tensorseed.evaluations.cases import read


def node(kind: str, arguments: dict[str, Any], shape: list[int]) -> Any:
    part: Part = read(cases.document(kind, (arguments, shape))).nodes[0].part
    return unroll([part], [])[0]


@pytest.mark.parametrize(
    ("kind", "arguments", "shape"),
    [
        ("Linear", {"in_features": 8, "out_features": 5}, [6, 8]),
        ("Linear", {"in_features": 8, "out_features": 5}, [6, 7, 8]),
        ("Conv2d", {"in_channels": 4, "out_channels": 6, "kernel_size": 3}, [2, 4, 9, 9]),
        ("Conv2d", {"in_channels": 4, "out_channels": 6, "kernel_size": 3, "groups": 2}, [2, 4, 9, 9]),
        ("Conv1d", {"in_channels": 4, "out_channels": 6, "kernel_size": 3, "stride": 2}, [2, 4, 9]),
        ("ConvTranspose2d", {"in_channels": 4, "out_channels": 6, "kernel_size": 3}, [2, 4, 9, 9]),
    ],
)
def test_it_is_what_torch_counts(kind: str, arguments: dict[str, Any], shape: list[int]) -> None:
    one = node(kind, arguments, shape)
    module, x = build(one, "float32", training=True), torch.empty(shape, device="meta")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        y = through(one, module, x)
    assert work(one, module, x, y) - counter.get_total_flops() // 2 in (0, y.numel())


def test_a_window_is_looked_at_for_every_element() -> None:
    one = node("MaxPool2d", {"kernel_size": [3, 2], "stride": 1}, [1, 2, 8, 8])
    module, x = build(one, "float32", training=True), torch.empty(1, 2, 8, 8, device="meta")
    assert work(one, module, x, module(x)) == 2 * 6 * 7 * 6


def test_convolutions_are_slow_in_half_precision_and_with_few_channels() -> None:
    wide = node("Conv2d", {"in_channels": 3, "out_channels": 64, "kernel_size": 3}, [1, 3, 8, 8])
    few = node("Conv2d", {"in_channels": 1, "out_channels": 2, "kernel_size": 3}, [1, 1, 8, 8])
    assert (rate(wide, "float32"), rate(wide, "float16")) == (CONVOLUTIONS, SLOW)
    assert rate(few, "float32") == SLOW
    assert rate(node("Linear", {"in_features": 8, "out_features": 5}, [6, 8]), "float16") == MATRICES
