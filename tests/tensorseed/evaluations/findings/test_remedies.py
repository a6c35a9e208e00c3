"""Remedies name the cause, and no init that is there already."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from tests.tensorseed.evaluations.cases import report
from tests.tensorseed.evaluations.findings.networks import (
    ADAM,
    LSTM,
    RELU,
    SERIES,
    TAGS,
    XAVIER,
    Network,
    act,
    depthwise,
    linear,
    mlp,
    network,
    normal,
    one_output,
)

FAN_OUT = {**RELU, "mode": "fan_out"}


@pytest.mark.parametrize(
    ("document", "code", "words"),
    [
        (mlp(normal(0.01)), "vanishing_activations", "by kaiming_normal with nonlinearity relu"),
        (mlp(XAVIER, depth=30), "vanishing_gradients", "by kaiming_normal with nonlinearity relu"),
        (mlp({"kind": XAVIER, "gain": 0.1}, "Tanh"), "vanishing_activations", "a gain of 1.67: it has 0.1"),
        (mlp({"kind": "parts", "parts": [{"init": {"kind": XAVIER, "gain": 0.1}, "repeat": 2}]}, "Tanh"),
         "vanishing_activations", "a gain of 1.67: it has 0.1"),
        (mlp(XAVIER, "Sigmoid", 5), "vanishing_gradients", "Sigmoid's slope is at most 1/4"),
        (mlp(RELU, depth=60), "rank_collapse", "it builds up over 3"),
        (mlp(RELU, depth=60), "rank_collapse", "put a BatchNorm or a LayerNorm"),
        (depthwise(FAN_OUT), "vanishing_activations", "with mode fan_in: an output has 9 inputs"),
        (depthwise(FAN_OUT), "vanishing_activations", "mode fan_out, which counts 144"),
        (depthwise(XAVIER), "vanishing_activations", "by kaiming_normal"),
        (mlp("uniform"), "rank_collapse", "adds the same to all: draw it around 0"),
        (mlp(RELU, bias=normal(20.0)), "unexpected_loss", "mostly the bias of h0: draw it by zeros"),
        (mlp(RELU, bias={"kind": "constant", "value": -10.0}), "dead_units", "the bias of h0 by zeros"),
        (mlp(XAVIER, bias={"kind": "constant", "value": -100.0}), "dead_units", "the bias of h0 by zeros"),
        (mlp(XAVIER, bias={"kind": "constant", "value": 100.0}), "rank_collapse", "the bias of h0 by zeros"),
        (mlp(normal(0.001), bias=normal(0.1)), "rank_collapse", "draw the weight of h0"),
        (mlp(normal(1.0)), "unexpected_loss", "too large from h3 on: cure that first"),
        (mlp(RELU, None, depth=20), "exploding_activations", "by xavier_normal, whose gain is 1"),
        (network([{**LSTM, "type": "RNN", "init": {"weight_hh_l0": normal(3.0)}}, TAGS], **SERIES),
         "saturation",
         "draw weight_hh_l0 of rnn by xavier_uniform"),
        (network([LSTM, *({**LSTM, "name": f"rnn{i}", "input_size": 16} for i in range(3)), TAGS], **SERIES),
         "vanishing_gradients", "of rnn2 by"),
        (mlp(RELU, loss="nll_loss", end=(act("Softmax", dim=1),)), "not_log_probabilities",
         "use LogSoftmax in its place"),
        (mlp(RELU, loss="nll_loss"), "not_log_probabilities", "with LogSoftmax, or use cross_entropy"),
        (mlp(RELU, loss="nll_loss", end=(act("LogSoftmax", dim=0),)), "not_log_probabilities", "dim 1"),
        (mlp(RELU, end=(act("Softmax", dim=1),)), "probabilities_as_logits", "applies softmax itself"),
        (mlp(RELU, dtype="float16", optimizer="RMSprop", steps=2), "non_finite", "eps 1e-08 is 0 in float16"),
        (mlp(RELU, optimizer={"kind": "Adam", "eps": 0.0}, steps=2), "non_finite", "eps 0 divides 0 by 0"),
        (mlp(RELU, optimizer={"kind": "SGD", "lr": 1.0, "maximize": True}, steps=30), "non_finite",
         "maximize climbs"),
        (one_output("mse_loss", {"data": [["NaN"]] * 64}, optimizer="SGD", steps=2), "non_finite",
         "target holds numbers that are not finite"),
        (mlp(normal(10.0), dtype="float16"), "non_finite", "beyond the largest float16 number"),
    ],
)  # fmt: skip
def test_the_remedy_is_for_the_cause(document: Network, code: str, words: str) -> None:
    found = [one.detail for one in report(document).warnings if one.code == code]
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize("optimizer", ["Adam", "AdamW", "NAdam", "RMSprop", "Adagrad"])
def test_no_learning_rate_helps_where_eps_is_0(optimizer: str) -> None:
    """The cure that the warning names is one, and a small rate is none."""
    document = mlp(RELU, depth=1, dtype="float16", steps=2)
    for more in ({}, {"lr": 1e-8}):
        (warning,) = report({**document, "optimizer": {"kind": optimizer, **more}}).warnings
        assert "give eps 1e-4" in warning.detail
        assert "learning rate helps" in warning.detail
    assert report({**document, "optimizer": {"kind": optimizer, "eps": 1e-4}}).warnings == ()


def test_a_head_of_zeros_is_a_remark_and_trains() -> None:
    found = report(mlp(RELU, head="zeros", optimizer=ADAM, steps=20))
    assert [(one.code, one.level, one.layer) for one in found.warnings] == [("zero_head", "remark", "head")]
    assert found.loss == pytest.approx(math.log(10))
    assert found.steps[-1] < math.log(10) / 2


def test_one_warning_for_numbers_that_are_not_finite() -> None:
    layers = [linear("a", 4, 4, RELU), act("ReLU"), linear("b", 4, 1)]
    document = network(layers, [2, 4], {"data": [["NaN"], [1.0]]}, "mse_loss", optimizer="SGD", steps=3)
    assert [one.code for one in report(document).warnings] == ["non_finite"]


LOGITS = torch.zeros(64, 1, dtype=torch.float64)


@pytest.mark.parametrize(
    ("more", "formula"),
    [
        ({}, "ln 2"),
        ({"pos_weight": [10.0]}, "ln 2 · mean of 1 + (pos_weight - 1) · target"),
        ({"weight": [3.0]}, "ln 2 · mean of weight"),
        ({"weight": [3.0], "pos_weight": [10.0]}, "ln 2 · mean of weight · (1 + (pos_weight - 1) · target)"),
        ({"pos_weight": [10.0], "reduction": "sum"}, "ln 2 · sum of 1 + (pos_weight - 1) · target"),
        ({"reduction": "sum"}, "ln 2, times 64"),
    ],
)
def test_the_expected_loss_is_what_its_formula_says(more: dict[str, Any], formula: str) -> None:
    target = [[float(i % 3 == 0)] for i in range(64)]
    loss = {"kind": "binary_cross_entropy_with_logits", **more}
    found = report(one_output(loss, {"data": target})).expected_loss
    assert found is not None
    assert found.formula == f"{formula}: all logits are 0"
    y = torch.tensor(target, dtype=torch.float64)
    own = {name: torch.tensor(value).double() for name, value in more.items() if name != "reduction"}
    reduction = more.get("reduction", "mean")
    by_torch = functional.binary_cross_entropy_with_logits(LOGITS, y, reduction=reduction, **own)
    each = (
        math.log(2) * (1 + (own.get("pos_weight", torch.ones(1)) - 1) * y) * own.get("weight", torch.ones(1))
    )
    by_formula = each.sum() if reduction == "sum" else each.mean()
    assert found.value == pytest.approx(float(by_torch), rel=1e-12)
    assert found.value == pytest.approx(float(by_formula), rel=1e-12)


def test_the_expected_loss_of_a_sum() -> None:
    document = mlp(RELU, loss={"kind": "cross_entropy", "reduction": "sum"})
    found = report(document).expected_loss
    assert found is not None
    assert found.formula == "ln C for C = 10 classes, times 64: all logits are 0"
    assert found.value == pytest.approx(64 * math.log(10))
