"""Inits that the user of a derivation gives, and tensors that have none."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from tensorseed.checkpoints.derivation import derivation_of, derive, description, from_config, process
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.overrides import (
    MAX_OVERRIDES,
    UNKNOWN,
    check_known,
    check_overrides,
    overridden,
)
from tensorseed.checkpoints.derivation.process import DerivationProcess

MAMBA = {"model_type": "mamba", "hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 50}


def entry(*shape: int, **members: Any) -> dict[str, Any]:
    return {"type": "Tensor", "shape": list(shape), "dtype": "float32", **members}


TENSORS = [
    ("layers.0.a", entry(4, 3, init="zeros")),
    ("layers.0.b", entry(4, unknown="of x")),
    ("layers.1.a", entry(4, 3, init="zeros")),
    ("layers.1.b", entry(4, unknown="of x")),
    ("head", entry(2, unknown="of y")),
]


def apply(overrides: Any) -> None:
    check_overrides(overrides)
    check_known(overridden(TENSORS, overrides))


def faults(overrides: Any) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        apply(overrides)
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


def test_every_tensor_without_an_init_is_listed_with_its_shape_and_the_way_on() -> None:
    found = faults({})
    assert [pointer for pointer, _ in found] == ["", ""]
    assert [detail.partition(" of this")[0] for _, detail in found] == [
        "the tensor layers.{0..1}.b (4)",
        "the tensor head (2)",
    ]
    assert all("since of" in detail and "--init" in detail and "overrides" in detail for _, detail in found)


def test_the_way_on_is_a_pattern_that_works() -> None:
    patterns = [re.search("--init '(.*)=INIT'", detail) for _, detail in faults({})]
    overridden_ = overridden(TENSORS, {found[1]: "ones" for found in patterns if found})
    check_known(overridden_)
    assert [described["init"] for _, described in overridden_] == ["zeros", "ones", "zeros", "ones", "ones"]


def test_the_first_pattern_that_matches_counts_and_may_replace_an_init() -> None:
    normal = {"kind": "normal", "std": 0.5}
    found = dict(overridden(TENSORS, {"layers.0.*": normal, "b": "ones", "**": "zeros"}))
    assert {name: described["init"] for name, described in found.items()} == {
        "layers.0.a": normal,
        "layers.0.b": normal,
        "layers.1.a": "zeros",
        "layers.1.b": "ones",
        "head": "zeros",
    }
    assert not any(UNKNOWN in described for described in found.values())


@pytest.mark.parametrize(
    ("overrides", "pointer", "detail"),
    [
        ([], "/overrides", "an object of inits"),
        ({"x": "zeros"}, "/overrides/x", "no name matches"),
        ({"x": "zeroes"}, "/overrides/x", "did you mean zeros?"),
        ({"1.b": "ones"}, "/overrides/1.b", "write **.1.b"),
        ({"**": "zeros", "b": "ones"}, "/overrides/b", "an earlier pattern, **, takes the tensors"),
        ({"b{": "zeros"}, "/overrides/b{", "braces in a pattern"),
        ({"b": "zeroes"}, "/overrides/b", "did you mean zeros?"),
        ({"b": {"kind": "normal", "sdt": 1}}, "/overrides/b", "did you mean std?"),
        ({"x": {"kind": "normal", "std": -1}}, "/overrides/x", "std must be at least 0"),
        ({"b": 5}, "/overrides/b", "an init is a scheme's name"),
        ({"b": "xavier_uniform"}, "/overrides/b", "needs fan_in and fan_out"),
        ({"b": {"kind": "values", "data": [1]}}, "/overrides/b", "layers.0.b"),
        ({f"b{i}": "zeros" for i in range(MAX_OVERRIDES + 1)}, "/overrides", "at most 64 patterns"),
    ],
)
def test_faults(overrides: Any, pointer: str, detail: str) -> None:
    found = faults(overrides)
    assert (found[0][0], detail in found[0][1]) == (pointer, True), found


def test_a_name_that_is_no_init_is_one_fault() -> None:
    assert [pointer for pointer, _ in faults({"**": "xx"})] == ["/overrides/**"]


@pytest.mark.parametrize(
    "overrides",
    [
        {"D": "zeroes"},
        {"nothing": "zeroes"},
        {"D": {"kind": "normal", "sdt": 1}, "A_log": {"kind": "uniform", "a": 2, "b": 1}},
        {"D": None},
        {"D": {"kind": "keras.HeNorml"}},
        {"D{": "zeros"},
    ],
)
def test_no_model_is_built_for_an_init_that_is_not_valid(
    overrides: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[object] = []
    monkeypatch.setattr(from_config, "_derived", lambda *_, **__: derived.append("here"))
    made = DerivationProcess(60)
    monkeypatch.setattr(made._child, "request", lambda *_: derived.append("in the child"))
    with pytest.raises(ConfigError) as here:
        derivation_of(MAMBA, overrides=overrides)
    with pytest.raises(ConfigError) as served:
        asyncio.run(made.derive_json(json.dumps({"config": MAMBA, "overrides": overrides}).encode()))
    assert derived == []
    assert served.value.faults == here.value.faults
    assert all(fault.pointer.startswith("/overrides/") for fault in here.value.faults)
    assert len(here.value.faults) == len(overrides)


def test_a_list_is_no_map_of_overrides() -> None:
    with pytest.raises(ConfigError, match="an object of inits by pattern of name"):
        derive(MAMBA, overrides=[])  # type: ignore[arg-type]


def test_norms_follow_no_override_of_what_they_are_of() -> None:
    norm = {"kind": "weight_norm", "of_shape": [4, 3], "std": 0.02}
    pair = [
        ("g.original0", entry(4, 1, init=norm)),
        ("g.original1", entry(4, 3, init={"kind": "normal", "std": 0.02})),
    ]
    with pytest.raises(ConfigError, match=r"g\.original0 has the norms of g\.original1") as caught:
        overridden(pair, {"original1": "ones"})
    assert [fault.pointer for fault in caught.value.faults] == ["/overrides"]
    found = dict(overridden(pair, {"original1": "ones", "original0": "ones"}))
    assert [described["init"] for described in found.values()] == ["ones", "ones"]
    assert overridden(pair, {"original1": pair[1][1]["init"]}) == pair


def test_a_derivation_with_an_init_of_its_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "MAX_VALUES", 10)
    given = {"A_log": {"kind": "uniform", "a": -3, "b": 2}}
    entries = derive(MAMBA, overrides=given)["weights"]["layers"]
    assert [one["init"] for one in entries if one["name"].endswith("A_log")] == [given["A_log"]]
    with pytest.raises(ConfigError, match=r"layers\.\{0\.\.1\}\.mixer\.A_log \(64×16\) of this model"):
        derive(MAMBA)


def answered(monkeypatch: pytest.MonkeyPatch, document: Any) -> Any:
    """The answer of the child's side to the text of a document, without another process."""
    made = DerivationProcess(60)
    monkeypatch.setattr(made._child, "request", lambda message, _: json.dumps(process._answer(message)))
    return asyncio.run(made.derive_json(json.dumps(document).encode()))


def test_a_request_of_config_and_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    config = MAMBA | {"auto_map": {"AutoModel": "a.B"}}
    recipe, (warning,) = answered(monkeypatch, {"config": config, "overrides": {"D": "zeros"}})
    assert recipe == derive(MAMBA, overrides={"D": "zeros"})
    assert warning.pointer == "/config/auto_map"
    assert answered(monkeypatch, MAMBA).recipe == derive(MAMBA)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"config": {"model_type": "lama"}}, "/config/model_type"),
        ({"config": {"model_type": "llama", "n_layer": 10**9}}, "/config/n_layer"),
        ({"config": []}, "/config"),
        ({"config": MAMBA, "override": {}}, "/override"),
        ({"config": MAMBA, "overrides": []}, "/overrides"),
        ({"config": MAMBA, "overrides": {"nothing": "zeros"}}, "/overrides/nothing"),
    ],
)
def test_faults_point_into_the_request(document: Any, pointer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as caught:
        answered(monkeypatch, document)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]
