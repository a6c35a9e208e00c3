"""Initialisation of every layer type: equal to the file of its spec."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import tensorseed
import tensorseed.torch as ts
from tensorseed.spec.layers import LAYERS
from tests.tensorseed.spec.layers.grids import GRIDS, TORCH_GRIDS, cases, make, module
from tests.tensorseed.torch.equality import assert_equals_its_spec

pytestmark = [
    pytest.mark.filterwarnings("ignore:Initializing zero-element tensors"),
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
]


def modules(kind: str) -> list[tuple[dict[str, Any], nn.Module]]:
    """Live modules of a type: those of its grid, of which a long one gives every few."""
    found = [arguments for name, arguments in cases() if name == kind]
    return [(arguments, module(kind, **arguments)) for arguments in found[:: max(1, len(found) // 10)]]


@pytest.mark.parametrize("kind", TORCH_GRIDS)
def test_a_layer_has_the_values_of_its_spec(kind: str) -> None:
    for arguments, layer in modules(kind):
        inside = nn.ModuleDict({"x": layer})
        ts.init_(inside, seed=5)
        document = assert_equals_its_spec(inside, seed=5)
        expected = tensorseed.open({"seed": 5, "layers": [entry(kind, arguments)]}).torch()
        assert inside.state_dict().keys() == expected.keys(), arguments
        if 0 not in arguments.values():  # a stack without layers does not say which it would have
            assert [one["type"] for one in document["layers"]] == [kind] * bool(expected), arguments
        for name, tensor in inside.state_dict().items():
            assert torch.equal(tensor, expected[name]), (arguments, name)


def entry(kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"name": "x", "type": kind, **make(kind, **arguments).arguments()}


@pytest.mark.parametrize("kind", TORCH_GRIDS)
def test_a_layer_is_a_module_too(kind: str) -> None:
    _, layer = modules(kind)[-1]
    ts.init_(layer, seed=3)
    assert_equals_its_spec(layer, seed=3)


@pytest.mark.parametrize("kind", TORCH_GRIDS)
def test_a_spec_needs_no_memory(kind: str) -> None:
    arguments, layer = modules(kind)[-1]
    inside: Any = nn.ModuleDict({"x": layer})
    assert tensorseed.spec_of(nn.ModuleDict({"x": layer}).to("meta")) == tensorseed.spec_of(inside), arguments


def test_the_grid_has_every_layer() -> None:
    assert {"Tensor", *GRIDS} == set(LAYERS)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_tensors_are_drawn_in_their_own_dtypes(dtype: str) -> None:
    model: Any = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Embedding(4, 3, padding_idx=1))
    model.to(getattr(torch, dtype))
    ts.init_(model, seed=2)
    assert assert_equals_its_spec(model, seed=2)["dtype"] == dtype
    assert model[1].num_batches_tracked.dtype == torch.int64


def test_dtypes_may_be_mixed() -> None:
    model: Any = nn.Sequential(
        nn.Linear(5, 6), nn.Linear(5, 6).bfloat16(), nn.Linear(5, 6).bfloat16(), nn.Linear(2, 2)
    )
    model[3].bias = nn.Parameter(model[3].bias.double())
    ts.init_(model)
    assert_equals_its_spec(model)


def test_a_slope_of_prelu_is_its_own() -> None:
    model: Any = nn.Sequential(nn.PReLU(3, init=0.1))
    ts.init_(model)
    assert model[0].weight.tolist() == pytest.approx([0.1] * 3)
    document = assert_equals_its_spec(model)
    assert document["layers"][0]["init"] == {"weight": {"kind": "constant", "value": 0.1}}


def test_a_transformer_of_other_layers_has_xavier_matrices() -> None:
    encoder = nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6))
    model: Any = nn.ModuleDict({"x": nn.Transformer(6, 2, 1, 1, 5, custom_encoder=encoder, batch_first=True)})
    report = ts.init_(model)
    assert_equals_its_spec(model)
    assert report["x.encoder.0.weight"].init == "xavier_uniform"
    assert report["x.encoder.0.bias"].by == "default of Linear"


class Reset(nn.Linear):
    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)


class Constructed(nn.BatchNorm2d):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        nn.init.zeros_(self.weight)


class Forward(nn.Linear):
    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        return super().forward(input) * 2


class Attention(nn.MultiheadAttention):
    def _reset_parameters(self) -> None:
        nn.init.zeros_(self.in_proj_weight)


class Whole(nn.Transformer):
    def __init__(self) -> None:
        super().__init__(6, 2, 1, 1, 5, batch_first=True)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (nn.Sequential(Reset(2, 3)), "0.bias, 0.weight"),
        (nn.Sequential(Constructed(2)), "0.bias, 0.weight"),
        (nn.Sequential(Attention(4, 2)), "0.out_proj.bias, 0.out_proj.weight"),
        (Whole(), r"encoder.layers.0.linear\{1..2\}.bias"),
    ],
    ids=["reset", "constructor", "attention", "transformer"],
)
def test_a_class_with_its_own_init_needs_rules(model: nn.Module, names: str) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(tensorseed.ModuleError, match=names):
        ts.init_(model)
    with pytest.raises(tensorseed.ModuleError, match=r"its class .* has its own (reset|_reset|__init__)"):
        tensorseed.spec_of(model)
    for name, tensor in model.state_dict().items():  # some hold whatever the memory held, such as NaN
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, equal_nan=True)
    rules = [{"match": "**.weight", "init": "ones"}, {"match": "**", "init": "zeros"}]
    ts.init_(model, rules=rules)
    assert_equals_its_spec(model, rules=rules)


def test_a_class_with_its_own_forward_has_the_default() -> None:
    model: Any = nn.Sequential(Forward(4, 3))
    ts.init_(model)
    assert_equals_its_spec(model)


def test_a_layer_with_other_shapes_than_its_arguments_is_not_covered() -> None:
    model: Any = nn.Sequential(nn.Linear(4, 3))
    model[0].weight = nn.Parameter(torch.empty(3, 5))
    with pytest.raises(
        tensorseed.ModuleError, match=r"weight of its Linear has the shape \(3, 5\), and \(3, 4\)"
    ):
        ts.init_(model)


def test_a_parameter_beside_those_of_the_layer_needs_a_rule() -> None:
    model: Any = nn.Sequential(nn.Linear(4, 3))
    model[0].scale = nn.Parameter(torch.empty(3))
    with pytest.raises(tensorseed.ModuleError, match=r"nothing gives 0\.scale an init"):
        ts.init_(model)
    ts.init_(model, rules=[{"match": "scale", "init": "ones"}])
    assert_equals_its_spec(model, rules=[{"match": "scale", "init": "ones"}])


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "orthogonal"])
def test_a_parametrized_parameter_needs_a_rule(name: str) -> None:
    model: Any = nn.Sequential(getattr(nn.utils.parametrizations, name)(nn.Linear(4, 4)))
    with pytest.raises(
        tensorseed.ModuleError, match=r"parametrizations\.weight\.original.*since a parametrization makes"
    ) as found:
        ts.init_(model)
    assert "bias" not in str(found.value)
    rules = [{"match": "original*", "init": "normal"}]
    report = ts.init_(model, rules=rules)
    assert report["0.bias"].by == "default of Linear"
    assert_equals_its_spec(model, rules=rules)


def test_a_pruned_layer_is_not_covered() -> None:
    model: Any = nn.Sequential(nn.Linear(4, 4))
    prune.identity(model[0], "weight")
    with pytest.raises(
        tensorseed.ModuleError, match=r"0\.weight_orig an init, since a Linear of torch has no"
    ):
        ts.init_(model)


def test_a_lazy_layer_has_no_shape() -> None:
    with pytest.raises(tensorseed.ModuleError, match=r"0\.weight has no shape yet"):
        ts.init_(nn.Sequential(nn.LazyLinear(3)))
    model: Any = nn.Sequential(nn.LazyLinear(3))
    model(torch.zeros(1, 2))
    ts.init_(model)
    assert_equals_its_spec(model)
