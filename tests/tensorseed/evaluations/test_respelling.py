"""Spellings in evaluations, at any depth, have canonical reports."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tensorseed.evaluations.respelling import TYPES, respelled
from tests.tensorseed.evaluations.cases import faults, read, report


def linear(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "Linear", "in_features": 4, "out_features": 4, **more}


def network(*layers: Any, **more: Any) -> dict[str, Any]:
    return {"layers": [*layers], "input": {"shape": [6, 4], "init": "normal"}, **more}


def residual(kind: str, init: Any, **types: str) -> dict[str, Any]:
    inner = linear("fc", init=init, type=types.get("linear", "Linear"))
    relu = {"type": types.get("relu", "ReLU")}
    concat = {
        "name": "mix",
        "type": types.get("concat", "Concat"),
        "branches": [[relu], [linear("a", init=init)]],
        "dim": 0,
    }
    shortcut = [linear("p", init=init), {"type": relu["type"]}, copy.deepcopy(concat)]
    return {"name": "r", "type": kind, "layers": [inner, relu, concat], "shortcut": shortcut}


def test_types_differ_by_more_than_case() -> None:
    assert len({name.casefold() for name in TYPES}) == len(TYPES)


@pytest.mark.parametrize("init", ["Xavier_Uniform", "paddle.XavierUniform", {"kind": "Xavier-Uniform"}])
def test_layers_of_containers(init: Any) -> None:
    spelled = residual("residual", init, linear="nn.Linear", relu="relu", concat="CONCAT")
    document = network({"name": "s", "type": "sequential", "layers": [spelled]})
    plain = network({"name": "s", "type": "Sequential", "layers": [residual("Residual", "xavier_uniform")]})
    sent = copy.deepcopy(document)
    assert report(document).model_dump() == report(plain).model_dump()
    assert document == sent
    assert respelled(plain) == plain


def test_words_of_choices() -> None:
    """Those of the spec, of layers and modules, and of inits within a container."""
    init = {"kind": "kaiming_normal", "mode": "FAN_OUT", "nonlinearity": "nn.ReLU"}
    inner = [linear("fc", init=init), {"type": "GELU", "approximate": "Tanh"}]
    found = respelled(network({"name": "r", "type": "Residual", "layers": inner}, init_order="Interleaved"))
    fc, gelu = found["layers"][0]["layers"]
    assert fc["init"] == {"kind": "kaiming_normal", "mode": "fan_out", "nonlinearity": "relu"}
    assert (gelu["approximate"], found["init_order"]) == ("tanh", "interleaved")


@pytest.mark.parametrize(
    ("name", "known"), [("Transpose", "Permute"), ("GlobalAvgPool", "Mean"), ("LastStep", "Select")]
)
def test_modules_have_other_names_elsewhere(name: str, known: str) -> None:
    found = faults(network(linear("fc"), {"type": name}))
    assert f"did you mean {known}?" in found["/layers/1/type"]


@pytest.mark.parametrize(
    ("init", "words"), [("Xavier_Unifrm", "unknown scheme"), ("keras.HeNorml", "did you mean HeNormal?")]
)
def test_a_fault_within_a_container_has_its_pointer(init: str, words: str) -> None:
    found = faults(network({"name": "r", "type": "residual", "layers": [linear("fc", init=init)]}))
    assert list(found) == ["/layers/0/layers/0/init"]
    assert words in found["/layers/0/layers/0/init"]


@pytest.mark.parametrize("layers", [None, 7, "relu", {}, [None], [["relu"]]])
def test_branches_that_are_no_layers_are_faults(layers: Any) -> None:
    for kind, field in (("residual", "layers"), ("residual", "shortcut"), ("concat", "branches")):
        assert faults(network({"name": "r", "type": kind, "layers": [linear("fc")], field: layers}))


@pytest.mark.parametrize(
    "init",
    ["Orthogonal_", "keras.Orthogonal", {"kind": "keras.Orthogonal"}, {"kind": "orthogonal", "gain": 1}],
)
def test_the_init_of_a_calibration(init: Any) -> None:
    plain = report(network(linear("fc"), calibrate={"method": "lsuv", "init": "orthogonal"}))
    found = report(network(linear("fc"), calibrate={"method": "LSUV", "init": init}))
    assert found.model_dump() == plain.model_dump()


def test_the_method_of_a_calibration_alone() -> None:
    assert read(network(linear("fc"), calibrate="LSUV")).calibration is not None


@pytest.mark.parametrize(
    ("init", "pointer", "words"),
    [
        ("Orthogonl", "/calibrate/init", "orthogonal"),
        ("keras.Orthogonl", "/calibrate/init", "did you mean Orthogonal"),
        ({"kind": "jax.orthogonal", "scale": "2"}, "/calibrate/init/scale", "must be a number"),
        ({"kind": "jax.he_normal", "in_axis": 0}, "/calibrate/init/in_axis", "torch's layout"),
    ],
)
def test_a_fault_of_the_init_of_a_calibration(init: Any, pointer: str, words: str) -> None:
    found = faults(network(linear("fc"), calibrate={"method": "lsuv", "init": init}))
    assert list(found) == [pointer]
    assert words in found[pointer]


def test_a_variant_that_is_an_init() -> None:
    document = network(linear("fc"), compare=[{"kind": "normal_", "std": 2.0}])
    plain = network(linear("fc"), compare=[{"kind": "normal", "std": 2.0}])
    assert read(document).variants == read(plain).variants
