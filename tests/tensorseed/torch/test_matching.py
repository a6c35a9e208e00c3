"""Initialisation by a spec that names every tensor of the module."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
import torch
from torch import nn

import tensorseed
import tensorseed.torch as ts
from tests.tensorseed.torch.equality import bits

SPEC: dict[str, Any] = {
    "seed": 4,
    "layers": [
        {
            "name": "fc",
            "type": "Linear",
            "in_features": 3,
            "out_features": 4,
            "init": {"weight": "orthogonal"},
        },
        {"name": "bn", "type": "BatchNorm1d", "num_features": 4},
    ],
}


def model() -> Any:
    return nn.ModuleDict({"fc": nn.Linear(3, 4), "bn": nn.BatchNorm1d(4)})


def test_a_spec_gives_its_tensors(tmp_path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(SPEC))
    weights = tensorseed.open(SPEC)
    for spec in (SPEC, json.dumps(SPEC), path, str(path), weights.token, weights):
        found = model()
        report = ts.init_(found, spec=spec)
        assert report.seed == 4
        assert {row.by for row in report} == {"spec"}
        for name, tensor in weights.torch().items():
            assert torch.equal(bits(found.state_dict()[name]), bits(tensor)), name


def test_a_seed_beside_the_spec_wins() -> None:
    found: Any = model()
    assert ts.init_(found, spec=SPEC, seed=5).seed == 5
    assert torch.equal(found["fc"].weight, tensorseed.open({**SPEC, "seed": 5}).torch()["fc.weight"])


def test_a_part_takes_its_names_of_the_spec() -> None:
    layer: Any = nn.Linear(3, 4)
    ts.init_(layer, spec=SPEC, prefix="fc")
    assert torch.equal(layer.weight, tensorseed.open(SPEC).torch()["fc.weight"])


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(3, 3, bias=False)
        self.two = nn.Linear(3, 3, bias=False)
        self.two.weight = self.one.weight
        self.register_buffer("mask", torch.ones(2, dtype=torch.bool))


def linear(name: str, **more: str) -> dict[str, Any]:
    return {"name": name, "type": "Linear", "in_features": 3, "out_features": 3, "bias": False, **more}


def test_a_stage_takes_the_spec_of_the_whole_model() -> None:
    whole = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4))
    spec = tensorseed.spec_of(whole, seed=3)
    ts.init_(whole, spec=spec)
    stage = nn.ModuleDict({"2": nn.Linear(4, 4)})
    with pytest.raises(tensorseed.ModuleError, match=r"a part of its model takes strict=False\)"):
        ts.init_(stage, spec=spec)
    assert len(ts.init_(stage, spec=spec, strict=False)) == 2
    assert torch.equal(stage["2"].weight, whole[2].weight)
    with pytest.raises(tensorseed.ModuleError, match="the spec does not name other"):
        ts.init_(nn.ModuleDict({"other": nn.Linear(4, 4)}), spec=spec, strict=False)


def test_rules_of_a_stage_may_be_for_others() -> None:
    rules = [{"match": "0.weight", "init": "zeros"}, {"match": "2.weight", "init": "ones"}]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = ts.init_(nn.ModuleDict({"2": nn.Linear(4, 4)}), rules=rules, strict=False)
    assert report.unused_rules == (0,)


@pytest.mark.parametrize("entries", [[linear("two")], [linear("one"), linear("two", stream="one")]])
def test_a_tied_tensor_may_have_any_of_its_names(entries) -> None:
    tied = Tied()
    report = ts.init_(tied, spec={"layers": entries})
    expected = tensorseed.open({"layers": entries}).torch()[f"{entries[0]['name']}.weight"]
    assert torch.equal(tied.one.weight, expected)
    assert report.left == ("mask",)
    assert len(report.ties) == 1


def test_a_tied_tensor_cannot_have_two_draws() -> None:
    with pytest.raises(tensorseed.ModuleError, match=r'the spec draws two: .* "stream": "one\.weight"'):
        ts.init_(Tied(), spec={"layers": [linear("one"), linear("two")]})


def test_a_tied_tensor_cannot_have_two_seeds() -> None:
    entries = [linear("one"), linear("two", stream="one", seed=3)]
    with pytest.raises(tensorseed.ModuleError, match=r'"stream": "one\.weight", and the seed of one\.weight'):
        ts.init_(Tied(), spec={"layers": entries})


def test_an_entrys_seed_stays_where_the_call_has_another() -> None:
    model = torch.nn.ModuleDict({name: torch.nn.Linear(3, 3, bias=False) for name in ("one", "two")})
    ts.init_(model, seed=9, spec={"seed": 1, "layers": [linear("one"), linear("two", seed=3)]})
    for name, seed in (("one", 9), ("two", 3)):
        expected = tensorseed.open({"seed": seed, "layers": [linear(name)]}).torch()[f"{name}.weight"]
        assert torch.equal(model[name].weight, expected)


FC, BN = SPEC["layers"]


@pytest.mark.parametrize(
    ("layers", "details"),
    [
        (
            [FC],
            ["the spec does not name bn.running_mean: add", "bn.num_batches_tracked", "bn.weight", "bn.bias"],
        ),
        (
            [FC, BN, {**BN, "name": "nb"}],
            ["the module lacks nb.bias, nb.num_batches_tracked", "did you mean bn."],
        ),
        (
            [{**FC, "out_features": 5}, BN],
            [
                "fc.weight has the shape (4, 3) in the module and (5, 3) in the spec",
                "fc.bias has the shape (4,)",
            ],
        ),
        (
            [{**FC, "dtype": "bfloat16"}, BN],
            [
                "fc.weight has the dtype float32 in the module and bfloat16 in the spec",
                "call module.to(torch.bfloat16)",
            ],
        ),
    ],
)
def test_a_spec_of_another_module_is_refused(layers, details: list[str]) -> None:
    found: Any = model()
    before = found["bn"].running_mean.clone()
    with pytest.raises(tensorseed.ModuleError) as error:
        ts.init_(found, spec={"layers": layers})
    for detail in details:
        assert detail in str(error.value)
    assert torch.equal(found["bn"].running_mean, before)


def test_rules_and_a_spec_are_too_much() -> None:
    with pytest.raises(tensorseed.SpecError, match="give rules or a spec, not both"):
        ts.init_(model(), spec=SPEC, rules=[{"match": "**", "init": "ones"}])


def test_generator_torch_is_refused() -> None:
    with pytest.raises(tensorseed.SpecError, match="leave generator out") as error:
        ts.init_(model(), spec={**SPEC, "generator": "torch"})
    assert error.value.faults[0].pointer == "/generator"


def test_an_invalid_spec_is_refused_as_ever() -> None:
    with pytest.raises(tensorseed.SpecError, match="did you mean Linear"):
        ts.init_(model(), spec={"layers": [{**FC, "type": "Liner"}]})
