"""The order of a state dict, beside torch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tensorseed.checkpoints.layout import state_dict_order
from tensorseed.spec.limits import Limits
from tests.tensorseed.checkpoints.recipes import document, tensor


def test_the_order_of_a_recipe() -> None:
    layer = [
        "q.weight",
        "experts.0.up.weight",
        "experts.0.down.weight",
        "experts.1.up.weight",
        "experts.1.down.weight",
        "norm.weight",
    ]
    blocks = [f"layers.{number}.{name}" for number in range(4) for name in layer]
    expected = ["embed.weight", *blocks, "head.weight", "head.bias"]
    assert state_dict_order(document()["weights"]["layers"], Limits()) == expected


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("BatchNorm1d", {"num_features": 3}),
        ("LSTM", {"input_size": 2, "hidden_size": 3, "num_layers": 2}),
        ("MultiheadAttention", {"embed_dim": 4, "num_heads": 2}),
        ("TransformerEncoderLayer", {"d_model": 4, "nhead": 2, "dim_feedforward": 8}),
    ],
)
def test_a_layer_has_the_order_of_its_state_dict(kind: str, arguments: dict[str, Any]) -> None:
    names = state_dict_order([{"name": "m.{0..1}", "type": kind, **arguments}], Limits())
    own = list(getattr(torch.nn, kind)(**arguments).state_dict())
    assert names == [f"m.{number}.{name}" for number in range(2) for name in own]


def test_the_order_is_that_of_a_module_of_blocks() -> None:
    block = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3))
    model = torch.nn.ModuleDict({"h": torch.nn.ModuleList([block, block]), "out": torch.nn.Linear(3, 2)})
    entries = [
        {"name": "h.{0..1}.0", "type": "Linear", "in_features": 2, "out_features": 3},
        {"name": "h.{0..1}.1", "type": "LayerNorm", "normalized_shape": 3},
        tensor("out.weight", [2, 3]),
        tensor("out.bias", [2]),
    ]
    assert state_dict_order(entries, Limits()) == list(model.state_dict())
