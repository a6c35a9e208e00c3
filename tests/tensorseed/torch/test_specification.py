"""Spec of a module: its entries, its buffers, and what it cannot hold."""

from __future__ import annotations

import json
import warnings
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

import tensorseed
import tensorseed.torch as ts
from tests.tensorseed.spec.layers.grids import TORCH_GRIDS, cases, make
from tests.tensorseed.spec.layers.grids import module as grid_module
from tests.tensorseed.torch.equality import assert_equals_its_spec


class Buffers(nn.Module):
    def __init__(self, **buffers: torch.Tensor) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor)


NUMBERS = {
    "zeros": torch.zeros(3, 2),
    "negative": torch.tensor([-0.0, -0.0]),
    "signs": torch.tensor([0.0, -0.0]),
    "ones": torch.ones(10_000, dtype=torch.int64),
    "constant": torch.full((2, 3), 0.1),
    "scalar": torch.tensor(7),
    "values": torch.linspace(-1, 1, 4_096).reshape(64, 64),
    "narrow": torch.rand(5).bfloat16(),
    "float8": torch.rand(5).to(torch.float8_e5m2),
    "wide": torch.rand(2, 1, 3, dtype=torch.float64),
    "large": torch.tensor([2**53, -(2**53)]),
    "empty": torch.zeros(0, 3),
    "strided": torch.arange(6.0).reshape(2, 3).T,
}


def test_known_numbers_are_written_out() -> None:
    model = Buffers(**NUMBERS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ts.init_(model)
        document = assert_equals_its_spec(model)
    inits = {entry["name"]: entry.get("init") for entry in document["layers"]}
    assert (inits["zeros"], inits["ones"], inits["scalar"]) == (
        "zeros",
        "ones",
        {"kind": "constant", "value": 7},
    )
    assert inits["values"]["kind"] == "values"


@pytest.mark.parametrize(
    "tensor",
    [
        torch.linspace(0, 1, 4_097),
        torch.arange(3, dtype=torch.int32),
        torch.tensor([-torch.inf, 0.0]),
        torch.tensor([2**53 + 1, 0]),
        torch.empty(3, device="meta"),
    ],
)
def test_other_numbers_are_left_out_with_a_warning(tensor: torch.Tensor) -> None:
    model = Buffers(mask=tensor, ones=torch.ones(2))
    with pytest.warns(
        UserWarning, match="left out of the spec, which cannot hold their numbers: mask"
    ) as caught:
        document = tensorseed.spec_of(model)
    assert caught[0].filename == __file__
    assert [entry["name"] for entry in document["layers"]] == ["ones", "fc"]
    if not tensor.is_meta:
        ts.init_(model)
        model.load_state_dict(tensorseed.open(document).torch(), strict=False)


def test_a_spec_holds_so_many_literal_numbers() -> None:
    model = Buffers(**{f"table{index}": torch.rand(4_096) for index in range(17)})
    with pytest.warns(UserWarning, match="table16; no file"):
        document = tensorseed.spec_of(model)
    assert len(tensorseed.open(document)) == 18


def test_equal_layers_are_folded() -> None:
    model: Any = nn.ModuleDict(
        {"blocks": nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)) for _ in range(30))}
    )
    assert tensorseed.spec_of(model, seed=3) == {
        "seed": 3,
        "layers": [
            {"name": "blocks.{0..29}.0", "type": "Linear", "in_features": 4, "out_features": 4},
            {"name": "blocks.{0..29}.1", "type": "LayerNorm", "normalized_shape": 4},
        ],
    }


@pytest.mark.parametrize("depth", [99, 100, 101, 500])
def test_modules_are_nested_deeply(depth: int) -> None:
    module: nn.Module = nn.ModuleList([nn.Linear(3, 2), nn.Linear(3, 2)])
    for _ in range(depth):
        module = nn.Sequential(module)
    ts.init_(module, seed=3)
    assert_equals_its_spec(module, seed=3)


def test_a_spec_is_json() -> None:
    model: Any = nn.Sequential(nn.Conv2d(2, 3, (1, 3), padding="same"), nn.TransformerEncoderLayer(4, 2, 3))
    document = tensorseed.spec_of(model)
    assert json.loads(json.dumps(document)) == document


def test_a_rule_is_the_init_of_a_layer() -> None:
    rules = [{"type": "Linear", "match": "weight", "init": {"kind": "normal", "std": 0.5}}]
    model: Any = nn.Sequential(
        nn.Linear(3, 4), nn.MultiheadAttention(4, 2), nn.TransformerEncoderLayer(4, 2, 3)
    )
    ts.init_(model, rules=rules)
    layers = assert_equals_its_spec(model, rules=rules)["layers"]
    init = {"kind": "normal", "std": 0.5}
    assert [(one["type"], one["init"]) for one in layers] == [
        ("Linear", {"weight": init}),
        ("MultiheadAttention", {"out_proj.weight": init}),
        (
            "TransformerEncoderLayer",
            {"self_attn.out_proj.weight": init, "linear1.weight": init, "linear2.weight": init},
        ),
    ]


def test_a_rule_for_a_table_fills_every_row() -> None:
    model: Any = nn.Sequential(nn.Embedding(4, 3, padding_idx=1))
    rules = [{"match": "weight", "init": "normal"}]
    ts.init_(model)
    assert not model[0].weight[1].any()
    ts.init_(model, rules=rules)
    assert model[0].weight[1].all()
    assert_equals_its_spec(model, rules=rules)


def test_a_layer_with_a_rule_of_its_own_axes_is_written_as_tensors() -> None:
    model: Any = nn.Sequential(nn.Linear(3, 5))
    rules = [{"match": "weight", "init": "lecun_normal", "fan_axes": {"in": 0, "out": 1}}]
    ts.init_(model, rules=rules)
    document = assert_equals_its_spec(model, rules=rules)
    assert [entry["type"] for entry in document["layers"]] == ["Tensor", "Tensor"]


def test_a_rule_has_groups_and_batches() -> None:
    model: Any = nn.Sequential(nn.Conv1d(4, 8, 3, groups=4, bias=False))
    for axes in ({"in": 1, "out": 0, "groups": 4}, {"batch": 0, "in": [], "out": 1}):
        rules = [{"match": "weight", "init": "orthogonal", "fan_axes": axes}]
        ts.init_(model, rules=rules)
        document = assert_equals_its_spec(model, rules=rules)
        assert document["layers"][0]["fan_axes"] == axes


def test_an_activation_without_a_word_is_not_said() -> None:
    model: Any = nn.Sequential(nn.TransformerEncoderLayer(4, 2, 3, activation=nn.functional.silu))
    ts.init_(model)
    document = assert_equals_its_spec(model)
    assert document["layers"][0]["type"] == "MultiheadAttention"


RULES = [
    {"type": "Linear", "match": "weight", "init": "xavier_uniform"},
    {"match": "fc.**.norm?.bias", "init": {"kind": "constant", "value": 2}},
    {"match": "**.layers.{0..1}.self_attn.*", "init": "ones"},
    {"type": "_NormBase", "match": "running_*", "init": "ones"},
    {"type": "RNNBase", "match": "weight_*", "init": "orthogonal"},
    {"type": "_ConvNd", "match": "weight", "init": "he_normal"},
    {"match": "*", "init": {"kind": "normal", "std": 0.5}},
]


@pytest.mark.parametrize("kind", TORCH_GRIDS)
def test_rules_of_a_spec_reach_what_rules_of_a_module_reach(kind: str) -> None:
    given = (arguments for name, arguments in cases() if name == kind)
    arguments = max(given, key=lambda one: len([*make(kind, **one).slots()]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tensors without elements, and of rules that fit other layers
        model = nn.Sequential(OrderedDict(fc=grid_module(kind, **arguments)))
        spelled = tensorseed.open(tensorseed.spec_of(model, rules=RULES))
        ruled = tensorseed.open({"rules": RULES, "layers": [{"name": "fc", "type": kind, **arguments}]})
    assert facts(ruled) == facts(spelled)


def facts(weights: tensorseed.Weights) -> list[tuple[Any, ...]]:
    """Name, init, mean and std of the tensors with elements."""
    tensors = (tensor for tensor in weights.plan()["tensors"] if 0 not in tensor["shape"])
    return [(tensor["name"], tensor["init"], tensor["mean"], tensor["std"]) for tensor in tensors]
