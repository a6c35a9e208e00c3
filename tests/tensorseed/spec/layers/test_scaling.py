"""LayerScale in a spec: recipe, values, rules and generators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorseed

SCALE: dict[str, Any] = {"name": "ls", "type": "LayerScale", "dim": 3}


def layers(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"layers": [*entries], **more}


def written(entry: dict[str, Any], **more: Any) -> list[Any]:
    found: list[Any] = tensorseed.open(layers(entry, **more)).plan()["recipe"]["layers"]
    return found


@pytest.mark.parametrize(
    ("given", "recipe"),
    [
        ({"axis": -1}, {}),
        ({"axis": 1}, {"axis": 1}),
        ({"init": {"gamma": {"kind": "constant", "value": 1e-5}}}, {}),
        ({"dim": 1, "axis": 1}, {"dim": 1}),
        ({"dim": 1, "init": {"gamma": "zeros"}}, {"dim": 1, "init": {"gamma": "zeros"}}),
    ],
)
def test_one_meaning_has_one_recipe(given: dict[str, Any], recipe: dict[str, Any]) -> None:
    assert written({**SCALE, **given}) == [{**SCALE, **recipe}]


@pytest.mark.parametrize("generator", ["philox", "torch"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16", "float8_e5m2"])
def test_its_default_is_1e_5_of_either_generator(generator: str, dtype: str) -> None:
    weights = tensorseed.open(layers(SCALE, generator=generator, dtype=dtype))
    expected = tensorseed.open(
        layers({"name": "w", "type": "Tensor", "shape": [3], "dtype": dtype,
                "init": {"kind": "constant", "value": 1e-5}})
    )  # fmt: skip
    assert weights.torch()["ls.gamma"].double().tolist() == expected.torch()["w"].double().tolist()


def test_torch_draws_an_init_of_gamma() -> None:
    torch = pytest.importorskip("torch")
    entry = {**SCALE, "init": {"gamma": "normal"}}
    linear = {"name": "fc", "type": "Linear", "in_features": 2, "out_features": 2}
    found = tensorseed.open(layers(entry, linear, generator="torch", seed=3)).torch()
    torch.manual_seed(3)
    other = torch.nn.Linear(2, 2)  # built first: LayerScale draws nothing, and inits come last
    gamma = torch.nn.init.normal_(torch.empty(3))
    assert torch.equal(found["fc.weight"], other.weight)
    assert torch.equal(found["ls.gamma"], gamma)


def test_rules_reach_it_by_type_and_by_name() -> None:
    by_type = [{"type": "LayerScale", "match": "gamma", "init": "zeros"}]
    by_name = [{"match": "**.gamma", "init": "zeros"}]
    expected = [{**SCALE, "init": {"gamma": "zeros"}}]
    assert written(SCALE, rules=by_type) == written(SCALE, rules=by_name) == expected


def test_the_slices_of_drawn_factors_are_those_of_the_whole() -> None:
    weights = tensorseed.open(layers({**SCALE, "dim": 50, "init": {"gamma": "normal"}}))
    whole = np.asarray(weights["ls.gamma"][:])
    assert np.array_equal(weights["ls.gamma"][17:33], whole[17:33])
    stored = tensorseed.open(
        layers({"name": "ls.gamma", "type": "Tensor", "shape": [50], "init": "normal"})
    )  # a bare tensor of its name
    assert np.array_equal(stored["ls.gamma"][:], whole)
