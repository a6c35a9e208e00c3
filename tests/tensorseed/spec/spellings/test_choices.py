"""Words of a choice, in inits, layers, losses and evaluations."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.losses.request import read_options
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.limits import Limits
from tensorseed.spec.modules import MODULES
from tensorseed.spec.schemes import SCHEMES
from tensorseed.spec.spec import Spec, parse_query
from tensorseed.spec.spellings.choices import _choices, respell_choices
from tests.tensorseed.spec.test_spec import faults, linear, parse, tensor

RNN = {"name": "r", "type": "RNN", "input_size": 2, "hidden_size": 2}
BLOCK = {"d_model": 4, "nhead": 2, "dim_feedforward": 4}
STACK = {"name": "e", "type": "TransformerEncoder", "num_layers": 1}
CONV = {"name": "c", "type": "Conv2d", "in_channels": 1, "out_channels": 1, "kernel_size": 1}


def kaiming(**parameters: str) -> dict[str, Any]:
    return tensor(init={"kind": "kaiming_normal", **parameters})


def scaling(**parameters: str) -> dict[str, Any]:
    return tensor(init={"kind": "variance_scaling", **parameters})


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [
        (kaiming(mode="FAN_OUT"), kaiming(mode="fan_out")),
        (kaiming(mode="FanOut"), kaiming(mode="fan_out")),
        (kaiming(nonlinearity="ReLU"), kaiming(nonlinearity="relu")),
        (kaiming(nonlinearity="torch.nn.ReLU"), kaiming(nonlinearity="relu")),
        (kaiming(nonlinearity="F.leaky_relu"), kaiming(nonlinearity="leaky_relu")),
        (kaiming(nonlinearity="LeakyReLU"), kaiming(nonlinearity="leaky_relu")),
        (scaling(mode="Fan-Avg", distribution="Truncated Normal"), scaling(mode="fan_avg")),
        (
            tensor(init={"kind": "keras.VarianceScaling", "mode": "FAN_AVG", "distribution": "Normal"}),
            tensor(init={"kind": "keras.VarianceScaling", "mode": "fan_avg", "distribution": "normal"}),
        ),
        (
            linear(init={"weight": {"kind": "Kaiming_Normal", "mode": "FAN_OUT"}}),
            linear(init={"weight": {"kind": "kaiming_normal", "mode": "fan_out"}}),
        ),
        (
            tensor(init={"kind": "parts", "parts": [{"init": {"kind": "he_normal", "mode": "FAN_OUT"}}]}),
            kaiming(mode="fan_out"),
        ),
        ({**RNN, "nonlinearity": "ReLU"}, {**RNN, "nonlinearity": "relu"}),
        ({**CONV, "padding": "SAME"}, {**CONV, "padding": "same"}),
        (
            {**STACK, "encoder_layer": {**BLOCK, "activation": "GELU"}},
            {**STACK, "encoder_layer": {**BLOCK, "activation": "gelu"}},
        ),
    ],
    ids=str,
)
def test_a_word_in_any_spelling_has_the_recipe_of_its_own(spelled: Any, canonical: Any) -> None:
    assert parse(spelled).recipe == parse(canonical).recipe


def test_of_queries_and_of_whole_specs() -> None:
    query = {"shape": "4,4", "init": "kaiming_normal", "mode": "FAN_OUT", "nonlinearity": "ReLU"}
    lower = {name: text.casefold() for name, text in query.items()}
    assert parse_query(query, Limits()) == parse_query(lower, Limits())
    assert respell_choices({"init_order": "Interleaved"}, Spec) == {"init_order": "interleaved"}
    assert read_options("mse_loss", {"reduction": "SUM"}) == read_options("mse_loss", {"reduction": "sum"})


def test_integers_of_a_query() -> None:
    plain = parse_query({"shape": "1000,3", "init": "normal", "seed": "7"}, Limits())
    for shape, seed in (("1_000,3", "0x7"), ("(1_000, +3,)", "+7"), ("1000x3", "0b111")):
        assert parse_query({"shape": shape, "init": "normal", "seed": seed}, Limits()) == plain


@pytest.mark.parametrize("word", ["identity", "gelu", "re lu x", "", "x" * 65])
def test_other_words_stay_and_are_refused(word: str) -> None:
    ((_, detail),) = faults(kaiming(nonlinearity=word))
    assert detail.startswith("nonlinearity must be one of linear, conv1d")


def test_no_two_words_of_a_choice_are_one() -> None:
    for model in (*SCHEMES.values(), *LAYERS.values(), *MODULES.values(), Spec):
        for words in _choices(model).values():
            assert len({*words.values()}) == len(words)
