"""Rules in a spec: what they reach, against the same spec spelled out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.errors import SpecError
from tensorseed.spec import assignment
from tensorseed.spec.limits import Limits
from tensorseed.spec.lint import unused_rules
from tensorseed.spec.names import expand
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec

LIMITS = Limits()
BLOCK = {"d_model": 4, "nhead": 2, "dim_feedforward": 6}
SIZES = {"in_features": 3, "out_features": 2}


def parse(rules: Any, *layers: Any, limits: Limits = LIMITS, **top: Any) -> ResolvedSpec:
    return parse_spec(json.dumps({**top, "rules": rules, "layers": layers}).encode(), limits)


def spelled(*layers: Any, **top: Any) -> ResolvedSpec:
    return parse_spec(json.dumps({**top, "layers": layers}).encode(), LIMITS)


def faults(rules: Any, *layers: Any, limits: Limits = LIMITS, **top: Any) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as error:
        parse(rules, *layers, limits=limits, **top)
    return [(fault.pointer, fault.detail) for fault in error.value.faults]


def linear(name: str = "fc", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "Linear", **SIZES, **more}


def tensor(name: str = "w", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "Tensor", "shape": [4, 3], **more}


def rule(match: str | None = None, init: Any = "ones", **more: Any) -> dict[str, Any]:
    return {**({} if match is None else {"match": match}), "init": init, **more}


ENCODER = {"name": "enc", "type": "TransformerEncoder", "num_layers": 2, "encoder_layer": BLOCK}

SPELLED: list[tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]] = [
    ([rule("bias")], [linear()], [linear(init={"bias": "ones"})]),
    ([rule("**")], [linear()], [linear(init={"bias": "ones", "weight": "ones"})]),
    (
        [rule("**.bias", "zeros"), rule(type="Linear")],
        [linear()],
        [linear(init={"bias": "zeros", "weight": "ones"})],
    ),
    (
        [rule("*"), rule("bias", "zeros")],
        [linear(init={"weight": "eye"})],
        [linear(init={"weight": "eye", "bias": "ones"})],
    ),
    ([rule("*")], [linear(init="eye")], [linear(init={"weight": "eye", "bias": "ones"})]),
    (
        [rule("h.{1..2}.bias")],
        [linear("h.{0..3}")],
        [linear("h.0"), linear("h.3"), linear("h.{1..2}", init={"bias": "ones"})],
    ),
    (
        [rule("h.[13].*")],
        [linear("h.{0..3}"), linear("g")],
        [
            linear("g"),
            linear("h.0"),
            linear("h.2"),
            *(linear(f"h.{i}", init={"weight": "ones", "bias": "ones"}) for i in (1, 3)),
        ],
    ),
    ([rule("*")], [tensor()], [tensor(init="ones")]),
    ([rule(type="Tensor")], [tensor("a.{0..3}"), linear()], [tensor("a.{0..3}", init="ones"), linear()]),
    (
        [rule("*")],
        [tensor(init="zeros"), tensor("v", init="zeros")],
        [tensor(init="zeros"), tensor("v", init="zeros")],
    ),
    (
        [rule("a.0"), rule("a.*", "zeros")],
        [tensor("a.{0..3}")],
        [tensor("a.0", init="ones"), tensor("a.{1..3}", init="zeros")],
    ),
    (
        [rule("kernel", "lecun_normal", fan_axes={"in": -2, "out": -1})],
        [tensor("kernel")],
        [tensor("kernel", init="lecun_normal", fan_axes={"in": 0, "out": 1})],
    ),
    (
        [rule("kernel", "lecun_normal", fan_axes={"in": 0, "out": 1})],
        [tensor("kernel", fan_axes={"in": 1, "out": 0})],
        [tensor("kernel", init="lecun_normal")],
    ),
    ([rule("w", "normal")], [tensor(padding_idx=-1)], [tensor(padding_idx=3, init="normal")]),
    (
        [rule("enc.layers.1.**.weight")],
        [ENCODER],
        [
            {
                **ENCODER,
                "init": {
                    f"layers.1.{part}.weight": "ones"
                    for part in ("linear1", "linear2", "self_attn.out_proj", "norm1", "norm2")
                },
            }
        ],
    ),
    (
        [rule(type="Linear")],
        [ENCODER],
        [
            {
                **ENCODER,
                "init": {
                    f"layers.{{0..1}}.{part}": "ones"
                    for part in (
                        "linear{1..2}.weight",
                        "linear{1..2}.bias",
                        "self_attn.out_proj.weight",
                        "self_attn.out_proj.bias",
                    )
                },
            }
        ],
    ),
    (
        [rule(type="MultiheadAttention", match="in_proj_*")],
        [ENCODER],
        [
            {
                **ENCODER,
                "init": {
                    "layers.{0..1}.self_attn.in_proj_weight": "ones",
                    "layers.{0..1}.self_attn.in_proj_bias": "ones",
                },
            }
        ],
    ),
    ([rule(type="TransformerEncoder"), rule(type="TransformerEncoderLayer")], [ENCODER], [ENCODER]),
    (
        [rule("*"), rule("running_var", "zeros")],
        [{"name": "n", "type": "BatchNorm1d", "num_features": 2}],
        [
            {
                "name": "n",
                "type": "BatchNorm1d",
                "num_features": 2,
                "init": {"weight": "ones", "bias": "ones", "running_var": "zeros"},
            }
        ],
    ),
    (
        [rule("bias", "zeros")],
        [{"name": "n", "type": "LayerNorm", "normalized_shape": 2}],
        [{"name": "n", "type": "LayerNorm", "normalized_shape": 2, "init": {"bias": "zeros"}}],
    ),
]


@pytest.mark.parametrize(("rules", "layers", "same"), SPELLED)
def test_the_recipe_is_that_of_the_spelled_out_spec(rules: Any, layers: Any, same: Any) -> None:
    ruled = parse(rules, *layers, seed=7)
    assert ruled.recipe == spelled(*same, seed=7).recipe
    assert "rules" not in ruled.recipe
    assert ruled == spelled(*same, seed=7)


PATTERNS = st.sampled_from(
    ["*", "a.**", "**.weight", "a.{0..2}.bias", "*.1.*", "b.[02].weight", "a.1.weight"]
)
KINDS = st.sampled_from(["zeros", "ones", "eye", "xavier_uniform"])
RULES = st.lists(
    st.fixed_dictionaries({"match": PATTERNS, "init": KINDS}, optional={"type": st.just("Linear")}),
    max_size=4,
)


@given(RULES, st.lists(st.sampled_from(["a.{0..3}", "b.{0..3}", "c.1"]), min_size=1, unique=True))
def test_rules_reach_each_name_as_by_itself(rules: list[dict[str, Any]], names: list[str]) -> None:
    rules = [*rules, {"match": "*", "init": "zeros"}]
    rules = [one if one["init"] in ("zeros", "ones") else {**one, "match": "weight"} for one in rules]
    whole = parse(rules, *(linear(name) for name in names))
    single = parse(rules, *(linear(one) for name in names for one in expand(name)))
    assert whole == single


@pytest.mark.parametrize(
    ("rules", "layers", "pointer", "detail"),
    [
        ({}, [], "/rules", "must be a list"),
        (None, [], "/rules", "must be a list"),
        ([rule("a")] * 1_025, [], "/rules", "at most 1,024 elements, this one has 1,025"),
        ([rule("a" * 1_000)] * 66, [], "/rules", "66,000 characters together, the limit is 65,536"),
        ([rule("a", {"kind": "values", "data": [0] * 65_537})], [], "/rules/0/init/data", "at most 65,536"),
        ([rule("b")], [tensor("a.{0..2}")], "/layers/0/init", "init is required: no rule gives a.0 one"),
        ([rule("a.0")], [linear(), tensor("a.{0..2}")], "/layers/1/init", "no rule gives a.1 one"),
        ([], [tensor()], "/layers/0/init", "init is required"),
        ([rule("w", "dirac")], [tensor()], "/rules/0/init", "the rule matches w, of shape (4, 3)"),
        (
            [rule("w", {"kind": "normal", "std": 1e300})],
            [tensor()],
            "/rules/0/init/std",
            "the rule matches w",
        ),
        ([rule("w", fan_axes={"in": 5, "out": 0})], [tensor()], "/rules/0/fan_axes/in", "does not exist"),
        (
            [rule("bias", "eye")],
            [linear("h.{0..1}")],
            "/rules/0/init",
            "matches h.{0..1}.bias, of shape (2,)",
        ),
        ([rule("h.0.bias", "eye")], [linear("h.{0..1}")], "/rules/0/init", "matches h.0.bias, of shape (2,)"),
        (
            [rule("weight", "lecun_normal", fan_axes={"in": 0, "out": 1})],
            [linear()],
            "/rules/0/fan_axes",
            'the rule matches fc.weight: leave the axes out, or add "type": "Tensor"',
        ),
        ([rule("a")], [linear(init={"bais": "ones"})], "/layers/0/init/bais", "did you mean bias?"),
        ([rule("a.1")], [tensor("a.{0..999999}")], "/layers/0/name", "stands for 1,000,000 tensors"),
    ],
)
def test_faults(rules: Any, layers: list[Any], pointer: str, detail: str) -> None:
    ((where, sentence),) = faults(rules, *layers)
    assert where == pointer
    assert detail in sentence


def test_faults_of_rules_and_of_entries_are_reported_together() -> None:
    found = faults([{"match": "["}], tensor(shape=[-1]), linear(in_features="3"))
    assert [pointer for pointer, _ in found] == [
        "/rules/0/match",
        "/rules/0/init",
        "/layers/0/shape/0",
        "/layers/1/in_features",
    ]


def test_limits() -> None:
    few = Limits(tensors=5, name_chars=40)
    split = [rule("a.1")]
    assert len(parse([*split, rule("*")], tensor("a.{0..4}"), limits=few).tensors) == 5
    assert (
        "over 5 tensors"
        in faults(split, tensor("a.{0..2}"), tensor("b.{0..2}", dtype="float64"), limits=few)[0][1]
    )
    assert "over 40 characters" in faults(split, tensor("a" * 20 + "{0..1}"), limits=few)[0][1]


def test_matching_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "MAX_STEPS", 1_000)
    found = faults([rule("x.*.y.bias"), rule("z.*.bias")], linear("a.{0..99}"))
    assert found == [
        ("/rules", "matching these rules takes too long: write shorter or fewer patterns, and add types")
    ]
    assert parse([rule("bias"), rule("**.weight")], linear("a.{0..999}"))  # the name decides nothing


def test_what_rules_split_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "MAX_SPLIT", 4)
    rules = [rule(f"a.{index}.bias", {"kind": "constant", "value": index}) for index in range(4)]
    assert parse(rules[:2], linear("a.{0..9}"))
    assert "over 4 tensors unlike others" in faults(rules, linear("a.{0..9}"))[0][1]


def test_alike_names_stay_one_entry() -> None:
    resolved = parse([rule("h.7.bias")], linear("h.{0..999}"))
    assert len({id(one.distribution) for one in resolved.tensors}) == 4


def test_unused_rules() -> None:
    rules = [rule("bias"), rule("fc.bias"), rule(type="Linaer"), rule(type="Conv2d"), rule("weight")]
    resolved = parse(rules, linear(init={"weight": "eye"}))
    assert [index for index, _ in resolved.unused_rules] == [1, 2, 3, 4]
    sentences = [*unused_rules(resolved)]
    assert sentences[0] == "rule 1, match fc.bias, decided no tensor: correct it, or leave it out"
    assert "did you mean Linear?" in sentences[1]
    assert "correct it" in sentences[2]
    assert resolved.reseeded(9).unused_rules == resolved.unused_rules
    assert resolved == spelled(linear(init={"weight": "eye", "bias": "ones"}))


def test_the_order_of_generator_torch_is_that_of_the_names() -> None:
    rules = [rule("h.1.weight", "eye"), rule("h.2.weight", "zeros")]
    ruled = parse(rules, linear("h.{0..3}"), tensor("w", init="normal"), generator="torch")
    names = [linear("h.0"), linear("h.1", init={"weight": "eye"}), linear("h.2", init={"weight": "zeros"})]
    same = spelled(*names, linear("h.3"), tensor("w", init="normal"), generator="torch")
    assert ruled == same
    assert [(step.names, step.inits) for step in ruled.steps] == [
        (step.names, step.inits) for step in same.steps
    ]


def test_rules_draw_by_torch_as_an_own_init_does() -> None:
    kaiming = {"kind": "kaiming_uniform", "a": 5**0.5}
    ruled = parse([rule("weight", kaiming)], linear(), generator="torch")
    assert ruled.recipe == spelled(linear(init={"weight": kaiming}), generator="torch").recipe
    assert ruled.recipe != spelled(linear(), generator="torch").recipe
    (found,) = faults([rule("weight", "lecun_uniform")], linear(), generator="torch")
    assert found[0] == "/rules/0/init"
    assert "torch has no lecun_uniform" in found[1]


def test_ranges_in_the_names_of_inits() -> None:
    ranged = {**ENCODER, "init": {"layers.{0..1}.linear1.weight": "eye"}}
    each = {**ENCODER, "init": {f"layers.{layer}.linear1.weight": "eye" for layer in (0, 1)}}
    assert spelled(ranged) == spelled(each)
    beyond = {**ENCODER, "init": {"layers.{0..2}.linear1.weight": "eye"}}
    (fault,) = faults([], beyond)
    assert fault[0] == "/layers/0/init/layers.{0..2}.linear1.weight"
    assert "did you mean layers.1.linear1.weight?" in fault[1]
    wrong = {**ENCODER, "init": {"layers.{0..1}.linear1.bias": "eye"}}
    assert faults([], wrong)[0][0] == "/layers/0/init/layers.{0..1}.linear1.bias"
