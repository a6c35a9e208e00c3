"""Warnings: who gets one, and who does not."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.spec import lint
from tensorseed.spec.catalog.listing import layers_catalog
from tensorseed.spec.layers import LAYERS
from tests.tensorseed.spec.test_spec import batch_norm, conv, linear, parse, tensor


def codes(*layers: Any, **top: Any) -> list[tuple[str, str]]:
    return [(warning["tensor"], warning["code"]) for warning in lint.warnings(parse(*layers, **top))]


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        (tensor(init="zeros"), "symmetric_rows"),
        (tensor(init={"kind": "values", "data": [[1, 2, 3]] * 2}), "symmetric_rows"),
        (tensor(init={"kind": "normal", "std": 0}), "symmetric_rows"),
        (tensor(init={"kind": "uniform", "a": 1, "b": 1}), "symmetric_rows"),
        (tensor(init={"kind": "kaiming_normal", "nonlinearity": "tanh"}), "saturating_nonlinearity"),
        (tensor(init={"kind": "xavier_normal", "gain": 1.414}), "rectifier_gain"),
        (tensor(init={"kind": "kaiming_uniform", "a": 5**0.5}), "historical_slope"),
        (tensor(init={"kind": "trunc_normal", "a": 1, "b": 3}), "heavy_truncation"),
        (tensor(init={"kind": "trunc_normal", "a": -9, "b": -0.5}), "heavy_truncation"),
        (tensor(init={"kind": "trunc_normal", "a": 1, "b": 3}, padding_idx=0), "heavy_truncation"),
        (tensor(init={"kind": "trunc_normal", "cutoff": 0.5}), "heavy_truncation"),
        (tensor(init={"kind": "variance_scaling", "cutoff": 0.5}), "heavy_truncation"),
        (tensor(init={"kind": "trunc_normal", "std": 0.02}), "ineffective_truncation"),
        (tensor(init={"kind": "trunc_normal", "a": "-Infinity", "b": 9}), "ineffective_truncation"),
        (tensor(init={"kind": "trunc_normal", "cutoff": 7}), "ineffective_truncation"),
        (tensor(init={"kind": "variance_scaling", "cutoff": 7}), "ineffective_truncation"),
        (tensor(init={"kind": "normal", "std": 1e-200}), "underflow"),
        (tensor(init={"kind": "sparse", "sparsity": 1.0}), "symmetric_rows"),
        (tensor(shape=[2, 2, 3], init={"kind": "delta_orthogonal", "gain": 0}), "symmetric_rows"),
        (tensor(init={"kind": "normal", "std": 1e-9}, dtype="float16"), "underflow"),
        (
            tensor(shape=[2, 2, 3], init={"kind": "delta_orthogonal", "gain": 1e-9}, dtype="float16"),
            "underflow",
        ),
        (
            tensor(shape=[2, 2, 3], init={"kind": "delta_orthogonal", "gain": 1e6}, dtype="float16"),
            "overflow",
        ),
        (tensor(init={"kind": "normal", "std": 100}, dtype="float8_e4m3fn"), "overflow"),
        (tensor(init={"kind": "normal", "mean": 1, "std": 0.001}, dtype="bfloat16"), "rounding"),
        (tensor(init={"kind": "normal", "mean": -1000, "std": 0.001}, dtype="float16"), "rounding"),
        (tensor(init={"kind": "normal", "mean": 1e9, "std": 1}), "rounding"),
        (tensor(init={"kind": "uniform", "a": 1, "b": 1.001}, dtype="bfloat16"), "rounding"),
    ],
)
def test_warned(layer: Any, code: str) -> None:
    assert codes(layer) == [("w", code)]


@pytest.mark.parametrize(
    "layer",
    [
        tensor(shape=[3]),
        tensor(shape=[1, 3]),
        tensor(shape=[0, 3]),
        tensor(init="eye"),
        tensor(init={"kind": "uniform", "a": -60000, "b": 60000}, dtype="float16"),
        tensor(shape=[200, 3], init={"kind": "sparse", "sparsity": 0.99, "std": 0.01}, dtype="float8_e4m3fn"),
        tensor(init={"kind": "orthogonal", "gain": 400}, dtype="float8_e4m3fn"),
        tensor(init={"kind": "normal", "mean": 1, "std": 0.02}, dtype="bfloat16"),
        tensor(init={"kind": "normal", "mean": 1, "std": 0.001}),
        tensor(init={"kind": "uniform", "a": 0, "b": 0.001}, dtype="bfloat16"),
        tensor(shape=[3], init={"kind": "constant", "value": 1000}, dtype="bfloat16"),
        tensor(init="orthogonal"),
        tensor(init={"kind": "sparse", "sparsity": 0.5}),
        tensor(init="xavier_uniform", dtype="float8_e5m2"),
        tensor(init={"kind": "trunc_normal", "a": -0.7, "b": 0.7}),
        tensor(init={"kind": "trunc_normal", "std": 0.02, "cutoff": 2}),
        tensor(init={"kind": "trunc_normal", "std": 0.4}),
        tensor(init={"kind": "trunc_normal", "a": 0, "b": "Infinity"}),
        tensor(init={"kind": "trunc_normal", "cutoff": "Infinity"}),
        tensor(init={"kind": "variance_scaling", "distribution": "normal"}),
        tensor(init="lecun_normal"),
        tensor(init={"kind": "values", "data": [[1, 2, 3], [4, 5, 6]]}),
        linear(),
        conv(),
        batch_norm({}),
        {"name": "n", "type": "LayerNorm", "normalized_shape": [3, 4]},
    ],
)
def test_not_warned(layer: Any) -> None:
    assert codes(layer) == []


RNN = {"name": "r", "type": "RNN", "input_size": 3, "hidden_size": 4}
CELL = {"name": "r", "type": "RNNCell", "input_size": 3, "hidden_size": 4}
LSTM = {"name": "r", "type": "LSTM", "input_size": 3, "hidden_size": 4, "proj_size": 2}
MODEL = {"d_model": 4, "nhead": 2, "dim_feedforward": 6}
BLOCK = {"name": "b", "type": "TransformerEncoderLayer", **MODEL}
STACK = {"name": "b", "type": "TransformerDecoder", "decoder_layer": MODEL, "num_layers": 2}
WHOLE = {"name": "b", "type": "Transformer", **MODEL, "num_encoder_layers": 1}
SLOPE = {"kind": "kaiming_uniform", "a": 5**0.5}
RELU = {"kind": "kaiming_normal", "nonlinearity": "relu"}
TANH = {"kind": "kaiming_normal", "nonlinearity": "tanh"}


@pytest.mark.parametrize(
    ("layer", "name", "init", "code"),
    [
        (RNN, "weight_ih_l0", "kaiming_normal", "saturating_nonlinearity"),
        (RNN, "weight_hh_l0", RELU, "saturating_nonlinearity"),
        (RNN, "weight_hh_l0", SLOPE, "saturating_nonlinearity"),
        (CELL, "weight_ih", TANH, "saturating_nonlinearity"),
        (LSTM, "weight_ih_l0", "he_uniform", "saturating_nonlinearity"),
        ({**RNN, "nonlinearity": "relu"}, "weight_ih_l0", "xavier_uniform", "rectifier_gain"),
        ({**CELL, "nonlinearity": "relu"}, "weight_hh", "glorot_normal", "rectifier_gain"),
        (BLOCK, "linear1.weight", "xavier_uniform", "rectifier_gain"),
        (STACK, "layers.1.linear1.weight", "xavier_normal", "rectifier_gain"),
        (WHOLE, "encoder.layers.0.linear1.weight", "xavier_normal", "rectifier_gain"),
        (WHOLE, "encoder.layers.0.linear1.weight", "xavier_uniform", "rectifier_gain"),  # torch's own default
        (linear(), "weight", SLOPE, "historical_slope"),  # and here too
    ],
)
def test_a_layer_knows_its_own_function(layer: Any, name: str, init: Any, code: str) -> None:
    assert codes({**layer, "init": {name: init}}) == [(f"{layer['name']}.{name}", code)]


@pytest.mark.parametrize(
    ("layer", "name", "init"),
    [
        (RNN, "weight_ih_l0", "xavier_uniform"),
        (RNN, "weight_ih_l0", {"kind": "xavier_uniform", "gain": 2**0.5}),
        (RNN, "weight_ih_l0", {"kind": "kaiming_normal", "nonlinearity": "linear"}),
        (CELL, "weight_hh", "orthogonal"),
        (LSTM, "weight_hr_l0", "kaiming_normal"),
        (LSTM, "weight_ih_l0", "xavier_uniform"),
        ({**RNN, "nonlinearity": "relu"}, "weight_ih_l0", RELU),
        ({**CELL, "nonlinearity": "relu"}, "weight_hh", TANH),
        (BLOCK, "linear1.weight", RELU),
        (BLOCK, "linear2.weight", "xavier_uniform"),
        ({**BLOCK, "activation": "gelu"}, "linear1.weight", "xavier_uniform"),
        (STACK, "layers.1.linear2.weight", "xavier_normal"),
    ],
)
def test_what_suits_a_layers_own_function_is_not_warned_of(layer: Any, name: str, init: Any) -> None:
    assert codes({**layer, "init": {name: init}}) == []


KERNEL = {"kind": "values", "data": [[1, 1, 1], [2, 2, 2]]}


@pytest.mark.parametrize(
    ("layer", "warned"),
    [
        (tensor(init=KERNEL), False),
        (tensor(init=KERNEL, fan_axes={"in": -2, "out": -1}), True),
        (tensor(init={"kind": "values", "data": [[1, 2, 3]] * 2}, fan_axes={"in": 0, "out": 1}), False),
        (tensor(shape=[3, 1], init="ones", fan_axes={"in": 0, "out": 1}), False),
        (tensor(shape=[1, 3], init="ones", fan_axes={"in": 0, "out": 1}), True),
        (
            tensor(shape=[2, 2, 2], init={"kind": "values", "data": [[[1, 2], [1, 2]], [[3, 4], [3, 4]]]}),
            False,
        ),
        (
            tensor(
                shape=[2, 2, 2],
                init={"kind": "values", "data": [[[1, 2], [1, 2]], [[3, 4], [3, 4]]]},
                fan_axes={"in": 0, "out": 1},
            ),
            True,
        ),
    ],
)
def test_units_lie_along_the_out_axis(layer: Any, warned: bool) -> None:
    assert codes(layer) == ([("w", "symmetric_rows")] if warned else [])


def test_the_units_of_a_transposed_convolution_lie_along_its_second_axis() -> None:
    layer = {"name": "c", "type": "ConvTranspose1d", "in_channels": 2, "out_channels": 2, "kernel_size": 1}
    by_input = {"kind": "values", "data": [[[1], [1]], [[2], [2]]]}
    by_output = {"kind": "values", "data": [[[1], [2]], [[1], [2]]]}
    assert codes({**layer, "init": {"weight": by_input}}) == [("c.weight", "symmetric_rows")]
    assert codes({**layer, "init": {"weight": by_output}}) == []


def test_the_filters_of_a_depthwise_convolution_are_no_units() -> None:
    layer = {"name": "c", "type": "Conv1d", "in_channels": 4, "kernel_size": 3, "init": {"weight": "ones"}}
    assert codes({**layer, "out_channels": 4, "groups": 4}) == []
    assert codes({**layer, "out_channels": 8, "groups": 4}) == [("c.weight", "symmetric_rows")]


@pytest.mark.parametrize("order", [1, -1])
def test_entries_that_mean_the_same_are_advised_on_alike(order: int) -> None:
    entries = [linear(name="a.0"), linear(name="a.1", init={"weight": SLOPE})]
    assert codes(*entries[::order]) == [("a.{0..1}.weight", "historical_slope")]


@pytest.mark.parametrize("kind", ["LayerNorm", "RMSNorm"])
def test_scales_and_tables_have_no_units(kind: str) -> None:
    norm = {"name": "n", "type": kind, "normalized_shape": [3, 4]}
    half = {"kind": "constant", "value": 0.5}
    assert codes({**norm, "init": {"weight": half}}) == []
    table = {"name": "e", "type": "Embedding", "num_embeddings": 3, "embedding_dim": 4}
    assert codes({**table, "init": {"weight": "zeros"}}) == []


def test_a_layers_own_defaults_are_not_warned_of() -> None:
    warned = {entry["type"]: codes(entry["example"]["entry"]) for entry in layers_catalog()}
    assert warned == {name: [] for name in LAYERS}


def test_one_warning_for_a_folded_name() -> None:
    (warning,) = lint.warnings(
        parse(linear(name="a.0", init={"weight": "zeros"}), linear(name="a.1", init={"weight": "zeros"}))
    )
    assert warning["tensor"] == "a.{0..1}.weight"
    assert "2 tensors" in warning["detail"]


def test_one_warning_for_what_differs_in_its_shape_alone() -> None:
    (warning,) = lint.warnings(parse(*(tensor(name=f"a.{i}", shape=[2, 2 + i]) for i in range(9))))
    assert warning["tensor"] == "a.{0..8}"


def test_axes_are_the_layout_of_an_init_without_fans_too() -> None:
    rows = {"kind": "values", "data": [[1, 2], [1, 2]]}
    plain, turned = (
        parse(tensor(shape=[2, 2], init=rows, fan_axes=axes)) for axes in (None, {"in": 0, "out": 1})
    )
    assert [warning["code"] for warning in lint.warnings(plain)] == ["symmetric_rows"]
    assert lint.warnings(turned) == []
    assert '"fan_axes":{"in":0,"out":1}' in turned.recipe
