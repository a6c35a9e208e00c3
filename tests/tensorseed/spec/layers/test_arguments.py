"""Arguments of layers: canonical forms, full inits and limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from tensorseed.errors import SpecError
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.layers.base import MAX_SLOTS
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.spec.layers.grids import make
from tests.tensorseed.spec.layers.single import BLOCK, CONV, LSTM, SOFTMAX, STACK, fault, resolve

MIDDLE: dict[str, Any] = {"d_model": 8, "nhead": 2, "dim_feedforward": 4}


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("Conv2d", CONV, {**CONV, "kernel_size": [1, 1], "stride": [1, 1], "padding": [0, 0]}),
        ("ConvTranspose1d", CONV, {**CONV, "kernel_size": [1], "output_padding": [0]}),
        ("LayerNorm", {"normalized_shape": 5}, {"normalized_shape": [5], "eps": 1e-5}),
        ("RMSNorm", {"normalized_shape": 5, "eps": None}, {"normalized_shape": [5]}),
        (
            "Embedding",
            {"num_embeddings": 5, "embedding_dim": 1, "padding_idx": -1},
            {"num_embeddings": 5, "embedding_dim": 1, "padding_idx": 4},
        ),
        ("MultiheadAttention", {"embed_dim": 8, "num_heads": 2}, {"embed_dim": 8, "num_heads": 2, "kdim": 8}),
        ("LSTM", LSTM, {**LSTM, "proj_size": 0, "dropout": 0}),
        ("Transformer", {}, {"d_model": 512, "activation": "relu"}),
        (
            "TransformerEncoder",
            {**STACK, "norm": {"type": "LayerNorm", "normalized_shape": 8}},
            {
                **STACK,
                "encoder_layer": {**BLOCK, "dropout": 0.1, "layer_norm_eps": 1e-05},
                "norm": {"normalized_shape": [8], "eps": 0.00001, "bias": True, "type": "LayerNorm"},
            },
        ),
        ("AdaptiveLogSoftmaxWithLoss", SOFTMAX, {**SOFTMAX, "div_value": 4}),
    ],
)
def test_equal_arguments_have_one_recipe(kind: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    recipe = resolve(kind, one).recipe
    assert recipe == resolve(kind, other).recipe
    assert parse_spec(recipe.encode(), Limits()).recipe == recipe


def test_a_square_shape_is_not_one_number() -> None:
    assert make("LayerNorm", normalized_shape=[5, 5]).arguments() == {"normalized_shape": (5, 5)}


def test_numbers_inside_parts_have_one_spelling() -> None:
    recipe = resolve(
        "TransformerEncoder", {**STACK, "encoder_layer": {**BLOCK, "layer_norm_eps": 1.0}}
    ).recipe
    assert '"layer_norm_eps":1,' in recipe


@pytest.mark.parametrize(
    ("kind", "arguments", "name"),
    [
        ("LSTM", {**LSTM, "num_layers": 2, "bidirectional": True}, "weight_ih_l1_reverse"),
        ("MultiheadAttention", {"embed_dim": 8, "num_heads": 2}, "out_proj.weight"),
        ("TransformerEncoder", {**STACK, "encoder_layer": MIDDLE}, "layers.1.linear1.weight"),
        (
            "Transformer",
            {**MIDDLE, "num_decoder_layers": 1},
            "decoder.layers.0.multihead_attn.in_proj_weight",
        ),
        ("AdaptiveLogSoftmaxWithLoss", SOFTMAX, "tail.0.1.weight"),
        ("PReLU", {}, "weight"),
    ],
)
def test_any_parameter_takes_an_init_by_its_full_name(
    kind: str, arguments: dict[str, Any], name: str
) -> None:
    init = {"kind": "constant", "value": 0.5}
    tensors = {tensor.name: tensor for tensor in resolve(kind, arguments, init={name: init}).tensors}
    assert [full for full, tensor in tensors.items() if not tensor.default] == [f"x.{name}"]
    assert tensors[f"x.{name}"].scheme.model_dump() == init
    pointer, detail = fault(kind, arguments, init={f"{name}s": init})
    assert pointer == f"/init/{name}s"
    assert f"did you mean {name}?" in detail


def test_each_tensor_of_a_stack_is_keyed_by_its_own_name() -> None:
    tensors = resolve("TransformerEncoder", {**STACK, "encoder_layer": MIDDLE}).tensors
    assert all(tensor.stream == tensor.name for tensor in tensors)
    copies = [tensor for tensor in tensors if tensor.name.endswith("linear1.weight")]
    assert [tensor.name for tensor in copies] == ["x.layers.0.linear1.weight", "x.layers.1.linear1.weight"]
    assert copies[0].distribution is copies[1].distribution


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("LSTM", {**LSTM, "num_layers": 10**18}),
        ("TransformerDecoder", {"decoder_layer": BLOCK, "num_layers": 10**18}),
        ("Transformer", {"num_encoder_layers": 10**18}),
    ],
)
def test_a_layer_of_too_many_tensors_is_refused_before_it_is_listed(
    kind: str, arguments: dict[str, Any]
) -> None:
    pointer, detail = fault(kind, arguments)
    assert pointer == ""
    assert f"{MAX_SLOTS:,} tensors" in detail


def test_a_long_list_of_names_is_cut() -> None:
    _, detail = fault("LSTM", {**LSTM, "num_layers": 4000}, init={"weight_hh_l3999_": "zeros"})
    assert detail.startswith("unknown parameter: did you mean weight_hh_l3999? there are 16,000, such as ")
    assert len(detail) < 500


@pytest.mark.parametrize(
    ("kind", "arguments", "pointer"),
    [
        ("LSTM", {**LSTM, "hidden_size": 2**40}, "/hidden_size"),
        ("Embedding", {"num_embeddings": 2**40, "embedding_dim": 2**30, "padding_idx": 0}, "/num_embeddings"),
        ("Transformer", {"d_model": 2**40}, "/d_model"),
        (
            "TransformerEncoder",
            {"encoder_layer": {**BLOCK, "dim_feedforward": 2**62}, "num_layers": 1},
            "/encoder_layer/dim_feedforward",
        ),
        ("LayerNorm", {"normalized_shape": [2, 2**62]}, "/normalized_shape/1"),
    ],
)
def test_an_overflow_points_at_the_argument(kind: str, arguments: dict[str, Any], pointer: str) -> None:
    found, detail = fault(kind, arguments)
    assert found == pointer
    assert "overflow" in detail


def test_many_large_layers_stop_at_the_limit_of_the_file() -> None:
    entries = [
        {"name": f"x{i}", "type": "LSTM", "input_size": 1 + i, "hidden_size": 1, "num_layers": 400}
        for i in range(9)
    ]
    with pytest.raises(SpecError, match="split it"):
        parse_spec(json.dumps({"layers": entries}).encode(), Limits(tensors=5_000))


def test_a_part_of_every_type_is_a_module_of_torch() -> None:
    for name in ("TransformerEncoderLayer", "TransformerDecoderLayer", "LayerNorm", "RMSNorm"):
        assert issubclass(getattr(torch.nn, name), torch.nn.Module)
        assert LAYERS[name].torch_name() == name
