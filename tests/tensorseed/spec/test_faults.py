"""Sentences about faults: what is wrong, and what to write."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.spec.lint import unused_rules
from tests.tensorseed.spec.test_spec import faults, linear, parse, tensor

JAX = {"kind": "jax.lecun_normal", "in_axis": 0, "out_axis": 1}
NORMAL = {"kind": "normal", "std": 0.1}
LSTM = {"name": "rnn", "type": "LSTM", "input_size": 3, "hidden_size": 2}


@pytest.mark.parametrize(
    ("init", "where", "words"),
    [
        (
            {**NORMAL, "bias": "zeros"},
            "/bias",
            '{"weight": {"kind": "normal", "std": 0.1}, "bias": "zeros"}',
        ),
        (
            {"kind": "orthogonal", "bias": NORMAL},
            "/bias",
            '{"weight": {"kind": "orthogonal"}, "bias": {"k',
        ),
        ({"kind": "normal", "bias": "zeros" * 99}, "/bias", 'as {"weight": {"kind": "normal"}, "bias": …}'),
        ({**NORMAL, "weight": "zeros"}, "/weight", "write one init, or inits by parameter alone"),
        (
            {"weight": "normal", "std": 0.1},
            "/std",
            'beside the kind, such as {"weight": {"kind": "n',
        ),
        ({"std": 0.1}, "/std", "std is a parameter of a scheme, not of the layer"),
        ({"mode": "fan_out"}, "/mode", "mode is a parameter of a scheme, not of the layer"),
        ({"type": "normal", "std": 0.1}, "/type", "type is called kind here: write kind in its place"),
        ({"type": "normal"}, "/type", "type is called kind here: write kind in its place"),
        ({"name": "normal"}, "/name", "name is called kind here: write kind in its place"),
        ({"weight": {"type": "normal"}}, "/weight/type", "type is called kind here: write kind in its place"),
        ("normal(std=0.1)", "", "did you mean normal"),
        ("nn.init.kaiming_normal_(a=1)", "", "did you mean kaiming_normal_?"),
        (JAX, "/in_axis", "in_axis is for a Tensor: a weight of a layer has torch's layout"),
    ],
)
def test_an_init_of_a_layer_says_what_to_write(init: Any, where: str, words: str) -> None:
    ((pointer, detail),) = faults(linear(init=init))
    assert (pointer, words in detail) == (f"/layers/0/init{where}", True), detail


def test_axes_of_a_part_belong_to_the_tensor() -> None:
    init = {"kind": "parts", "parts": [{"size": 1, "init": JAX}, {"init": "zeros"}]}
    ((pointer, detail),) = faults(tensor(init=init))
    assert pointer == "/layers/0/init/parts/0/init/in_axis"
    assert detail.endswith("write fan_axes beside init, and leave in_axis out here")
    ((_, detail),) = faults(linear(init={"weight": init}))
    assert "in_axis is for a Tensor" in detail


@pytest.mark.parametrize(
    ("rule", "layer", "where", "words"),
    [
        ({"type": "Linear", "init": "eye"}, linear(), "/init", ': add "match": "weight" to the rule'),
        ({"type": "LSTM", "init": "orthogonal"}, LSTM, "/init", ': add "match": "weight_*" to the rule'),
        ({"match": "fc.*", "init": "eye"}, linear(), "/init", ': narrow its match, such as to "fc.weight"'),
        ({"match": "**", "init": "eye"}, linear(), "/init", ': narrow its match, such as to "fc.weight"'),
        ({"match": "bias", "init": "eye"}, linear(), "/init", "the rule matches fc.bias, of shape (2,)"),
        (
            {"match": "weight", "init": JAX},
            linear(),
            "/init/in_axis",
            ', or add "type": "Tensor"',
        ),
        ({"match": "weight", "init": {"type": "eye"}}, linear(), "/init/type", "type is called kind here"),
        (
            {"type": "Linear", "init": {"weight": "eye"}},
            linear(),
            "/init",
            '"match" of the rule names the parameter, such as "match": "weight"',
        ),
        ({"pattern": "bias", "init": "zeros"}, linear(), "/pattern", "did you mean match?"),
    ],
)
def test_a_rule_says_what_to_write(rule: Any, layer: Any, where: str, words: str) -> None:
    ((pointer, detail),) = faults(layer, rules=[rule])
    assert (pointer, detail.endswith(words) or words in detail) == (f"/rules/0{where}", True), detail


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Transpose", "Transpose is called Permute here, which owns no tensors: leave the entry out"),
        ("GlobalAvgPool", "GlobalAvgPool is called Mean here, which"),
        ("GlobalAveragePooling2D", "called AdaptiveAvgPool2d here"),
        ("LastStep", "called Select here"),
        ("Mean", "Mean owns no tensors: leave the entry out"),
        ("Dense", "did you mean Linear?"),
        ("Residual", "write an entry for each of its parts"),
    ],
)
def test_types_without_tensors(name: str, words: str) -> None:
    ((_, detail),) = faults({"name": "x", "type": name})
    assert words in detail


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Residual", "a Residual owns no tensors itself: name the type of a layer inside it"),
        ("Sequential", "a Sequential owns no tensors itself: name the type of a layer inside it"),
        ("ReLU", "ReLU owns no tensors: leave the rule out"),
        ("Transpose", "Transpose owns no tensors: leave the rule out"),
        ("Dense", "did you mean Linear?"),
        ("LSTM", "correct it, or leave it out"),
    ],
)
def test_types_of_rules_without_use(name: str, words: str) -> None:
    (sentence,) = unused_rules(parse(linear(), rules=[{"type": name, "match": "weight", "init": "eye"}]))
    assert sentence.startswith(f"rule 0, type {name} and match weight, decided no tensor: ")
    assert words in sentence


def test_a_rule_for_a_layer_says_how_its_tensors_match() -> None:
    (sentence,) = unused_rules(parse(linear(name="h.fc"), rules=[{"match": "h.fc", "init": "zeros"}]))
    assert sentence.endswith("it is a layer, whose tensors h.fc.** matches")
    (sentence,) = unused_rules(parse(linear(name="h.fc2"), rules=[{"match": "h.fc", "init": "zeros"}]))
    assert sentence.endswith("correct it, or leave it out")


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ({"kind": "kaiming_normal", "nonlinearity": "gelu"}, "did you mean relu?"),
        ({"kind": "kaiming_normal", "nonlinearity": "identity"}, "did you mean linear?"),
        ({"kind": "xavier_normal", "gain": "relu"}, "the gain of relu is 1.4142135623730951"),
        ({"kind": "normal", "scale": 0.02}, "did you mean std?"),
        ({"kind": "siren", "w0": 30}, "did you mean omega?"),
        ({"kind": "constant", "val": 1}, "value is required"),
    ],
)
def test_a_parameter_of_another_name_or_value_says_what_to_write(init: Any, words: str) -> None:
    (_, detail), *_ = faults(tensor(init=init))
    assert words in detail
