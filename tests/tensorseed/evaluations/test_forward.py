"""Shapes and cost of forward passes, and their refusals."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from tensorseed.errors import TooLargeError
from tensorseed.evaluations import forward
from tensorseed.evaluations.forward import (
    CONVOLUTION_RATE,
    MATRIX_RATE,
    SLOW_RATE,
    build,
    estimate_work,
    min_rate,
)
from tensorseed.evaluations.graph import Node
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.limits import Limits
from tensorseed.spec.modules import MODULES
from tests.tensorseed.evaluations import cases
from tests.tensorseed.evaluations.cases import faults, read

EVERY = {**cases.MODULES, **cases.LAYERS}
SHAPES = [[1], [2, 3], [4, 8], [1, 4, 8], [1, 1, 1, 1], [2, 4, 5, 6], [2, 4, 3, 3, 3]]
VALUES = [-2, -1, 0, 1, 2, 3, 5, 8, 0.5, None, True, "same", [1], [2, 2], [0, 1], [3, 3, 3], 1 << 31, 1 << 62]
LIMITS = Limits(evaluation_seconds=5, activations=1 << 18, parameters=1 << 18)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """Up to three layers of any type, some of their arguments changed, on an input of some shape."""
    layers = []
    kinds = draw(st.lists(st.sampled_from(sorted(EVERY)), min_size=1, max_size=3))
    for place, kind in enumerate(kinds):
        fields = {**MODULES, **LAYERS}[kind].model_fields
        own = sorted(set(fields) - {"name", "type", "init", "dtype", "stream", "seed"})
        more = draw(st.dictionaries(st.sampled_from(own), st.sampled_from(VALUES), max_size=2)) if own else {}
        layers.append({"name": f"l{place}", "type": kind, **EVERY[kind][0], **more})
    shape = draw(st.sampled_from([EVERY[kinds[0]][1], *SHAPES]))
    integers = kinds[0].startswith("Embedding")
    return {
        "layers": layers,
        "input": {"shape": shape, **({"classes": 9} if integers else {"init": "normal"})},
        "target": {"init": "normal"},
        "loss": "mse_loss",
        "optimizer": draw(st.sampled_from(["SGD", "Adam"])),
        "steps": draw(st.integers(0, 1)),
        "training": draw(st.booleans()),
        "dtype": draw(st.sampled_from(["float32", "float64", "float16", "bfloat16"])),
    }


@settings(max_examples=200)
@given(networks())
def test_any_network_runs_or_is_refused_in_words(document: dict[str, Any]) -> None:
    with suppress(TooLargeError):
        for pointer, detail in cases.faults(document, LIMITS).items():
            assert pointer.startswith("/")
            assert len(detail) < 600
            assert "\n" not in detail
            assert "aten::" not in detail


@pytest.mark.parametrize(("optimizer", "pointers"), [("SGD", set()), ("Adam", {"/optimizer"})])
def test_sparse_gradients_are_for_the_optimizers_that_take_them(optimizer: str, pointers: set[str]) -> None:
    table = {"name": "t", "type": "Embedding", "num_embeddings": 5, "embedding_dim": 3, "sparse": True}
    document = {
        "layers": [table],
        "input": {"shape": [4, 2], "classes": 5},
        "target": {"init": "normal"},
        "loss": "mse_loss",
        "optimizer": optimizer,
        "steps": 1,
    }
    assert set(cases.faults(document)) == pointers
    assert cases.report({**document, "steps": 0}) == cases.report(
        {**document, "steps": 0, "layers": [{**table, "sparse": False}]}
    )


def node(kind: str, arguments: dict[str, Any], shape: list[int]) -> Any:
    return read(cases.document(kind, (arguments, shape))).nodes[0]


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
        y = one.layer.forward(module, x)
    assert estimate_work(one, module, x, y) - counter.get_total_flops() // 2 in (0, y.numel())


def test_a_window_is_looked_at_for_every_element() -> None:
    one = node("MaxPool2d", {"kernel_size": [3, 2], "stride": 1}, [1, 2, 8, 8])
    module, x = build(one, "float32", training=True), torch.empty(1, 2, 8, 8, device="meta")
    assert estimate_work(one, module, x, module(x)) == 2 * 6 * 7 * 6


def test_convolutions_are_slow_in_half_precision_and_with_few_channels() -> None:
    wide = node("Conv2d", {"in_channels": 3, "out_channels": 64, "kernel_size": 3}, [1, 3, 8, 8])
    few = node("Conv2d", {"in_channels": 1, "out_channels": 2, "kernel_size": 3}, [1, 1, 8, 8])
    assert (min_rate(wide, "float32"), min_rate(wide, "float16")) == (CONVOLUTION_RATE, SLOW_RATE)
    assert min_rate(few, "float32") == SLOW_RATE
    assert min_rate(node("Linear", {"in_features": 8, "out_features": 5}, [6, 8]), "float16") == MATRIX_RATE


def test_layers_of_one_brace_range_are_asked_once_for_each_input(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def noted(node: Node, dtype: str, *, training: bool) -> torch.nn.Module:
        built.append(node.name)
        return build(node, dtype, training=training)

    monkeypatch.setattr(forward, "build", noted)
    layers = [
        {"name": "fc.{1..4}", "type": "Linear", "in_features": 4, "out_features": 4},
        {"name": "pool.{1..2}", "type": "MaxPool1d", "kernel_size": 2},
    ]
    evaluation = read({"layers": layers, "input": {"shape": [3, 8, 4], "init": "normal"}})
    assert built == ["fc.1", "pool.1", "pool.2"]
    assert evaluation.outputs == ((3, 8, 4),) * 4 + ((3, 8, 2), (3, 8, 1))


ATTENTION = {"type": "MultiheadAttention", "name": "a", "embed_dim": 4, "num_heads": 2}
ENCODER = {
    "type": "TransformerEncoder",
    "name": "e",
    "num_layers": 1,
    "encoder_layer": {"d_model": 4, "nhead": 2},
    "norm": {"type": "RMSNorm", "normalized_shape": 5},
}
CONVOLUTION = {"type": "Conv2d", "name": "c", "in_channels": 1, "out_channels": 1, "kernel_size": [2, 5]}


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        ({**ATTENTION, "kdim": 5}, [2, 3, 4], "has kdim 5 and attends to its own input, of embed_dim 4"),
        ({**ATTENTION, "vdim": 5}, [2, 3, 4], "leave vdim out, or set it to 4"),
        (ENCODER, [2, 3, 4], "has norm.normalized_shape [5] and gets [4]"),
        (CONVOLUTION, [1, 1, 6, 4], "has kernel_size 5 and gets 4, from an input of shape [1, 1, 6, 4]"),
        ({**CONVOLUTION, "dilation": 2}, [1, 1, 6, 8], "has kernel_size 5, 9 with its dilation and gets 8"),
        ({**CONVOLUTION, "padding": 1}, [1, 1, 6, 2], "has kernel_size 5 and gets 2, 4 with its padding"),
        ({"type": "MaxPool2d", "kernel_size": 3}, [1, 1, 6, 2], "has kernel_size 3 and gets 2"),
        (
            {"type": "AvgPool3d", "kernel_size": 3, "padding": 1},
            [1, 1, 2, 3, 3],
            "has kernel_size 3 and gets 2",
        ),
        ({"type": "Unfold", "kernel_size": 3}, [1, 1, 6, 2], "has kernel_size 3 and gets 2"),
        (
            {"type": "Fold", "kernel_size": 2, "output_size": 4},
            [1, 6, 9],
            "windows of 4 elements and gets 6 rows",
        ),
        ({"type": "Fold", "kernel_size": 2, "output_size": 4}, [1, 8, 8], "has 9 windows and gets 8 columns"),
        ({"type": "Fold", "kernel_size": 5, "output_size": 4}, [1, 25, 1], "take a smaller kernel_size"),
        ({"type": "ReflectionPad2d", "padding": [0, 0, 3, 0]}, [1, 1, 3, 9], "has padding 3 and gets 3"),
    ],
)
def test_a_refusal_names_the_argument(layer: dict[str, Any], shape: list[int], words: str) -> None:
    found = faults({"layers": [layer], "input": {"shape": shape, "init": "normal"}})
    assert words in found["/layers/0"]


def test_windows_that_fit_are_taken() -> None:
    for layer, shape in [
        ({**CONVOLUTION, "padding": "same"}, [1, 1, 1, 1]),
        ({**CONVOLUTION, "padding": [0, 1], "padding_mode": "circular"}, [1, 1, 2, 3]),
        ({"type": "MaxPool2d", "kernel_size": 3, "ceil_mode": True}, [1, 1, 6, 2]),
        ({"type": "AvgPool2d", "kernel_size": 3, "padding": 1}, [1, 1, 1, 1]),
        ({"type": "Fold", "kernel_size": 2, "output_size": 4, "stride": 2}, [1, 8, 4]),
        ({"type": "ReflectionPad1d", "padding": [2, -1]}, [1, 1, 3]),
    ]:
        assert faults({"layers": [layer], "input": {"shape": shape, "init": "normal"}}) == {}
