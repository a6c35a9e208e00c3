"""Warnings name the layer at fault; sound networks have none."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.tensorseed.evaluations.cases import report

DEPTH = 8


def mlp(init: Any, act: str = "ReLU", bias: Any = "zeros", depth: int = DEPTH, **more: Any) -> dict[str, Any]:
    """A deep network, each weight drawn alike."""
    hidden = [
        {"name": f"{{0..{depth - 1}}}.fc", "type": "Linear", "in_features": 64, "out_features": 64,
         "init": {"weight": init, "bias": bias}},
        {"name": f"{{0..{depth - 1}}}.act", "type": act},
    ]  # fmt: skip
    head = {"name": "head", "type": "Linear", "in_features": 64, "out_features": 10}
    return {
        "layers": [*hidden, head],
        "input": {"shape": [64, 64], "init": "normal"},
        "target": {"classes": 10},
        "loss": "cross_entropy",
        **more,
    }


def codes(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The first warning of each code: its layer and its sentence."""
    found: dict[str, tuple[str, str]] = {}
    for warning in report(document).warnings:
        found.setdefault(warning.code, (warning.layer, warning.detail))
    return found


@pytest.mark.parametrize(
    ("init", "act"),
    [
        ("kaiming_normal", "ReLU"),
        ("kaiming_uniform", "ReLU"),
        ("orthogonal", "Tanh"),
        ("xavier_normal", "Tanh"),
        ("lecun_normal", "SELU"),
        ("kaiming_normal", "GELU"),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_sound_init_is_quiet(init: str, act: str, seed: int) -> None:
    assert codes(mlp(init, act, seed=seed)) == {}


@pytest.mark.parametrize("init", ["zeros", {"kind": "constant", "value": 0.02}])
def test_equal_neurons(init: Any) -> None:
    layer, detail = codes(mlp(init))["symmetric_neurons"]
    assert layer == "0.fc"
    assert "draw the weight of 0.fc" in detail
    assert "kaiming_normal" in detail


def test_filters_of_a_depthwise_convolution_may_be_equal() -> None:
    def conv(groups: int) -> dict[str, Any]:
        init = {"weight": "ones", "bias": "zeros"}
        shape = {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "groups": groups}
        return {"name": "c", "type": "Conv2d", **shape, "init": init}

    image = {"shape": [2, 4, 8, 8], "init": "normal"}
    assert "symmetric_neurons" in codes({"layers": [conv(1)], "input": image})
    assert "symmetric_neurons" not in codes({"layers": [conv(4)], "input": image})


def test_equal_neurons_without_a_loss_are_told_by_their_biases() -> None:
    alone = {"input": {"shape": [8, 64], "init": "normal"}}
    layers = mlp("zeros")["layers"]
    assert "symmetric_neurons" in codes({"layers": layers, **alone})
    layers = mlp("zeros", bias={"kind": "normal", "std": 0.1})["layers"]
    assert "symmetric_neurons" not in codes({"layers": layers, **alone})


def test_an_output_layer_of_zeros_is_no_symmetry() -> None:
    document = mlp("kaiming_normal")
    document["layers"][-1]["init"] = {"weight": "zeros", "bias": "zeros"}
    assert "symmetric_neurons" not in codes(document)


def test_a_small_init_vanishes() -> None:
    found = codes(mlp({"kind": "normal", "std": 0.01}))
    layer, detail = found["vanishing_activations"]
    assert layer == "1.fc" or layer == "2.fc"
    assert "kaiming_normal with nonlinearity relu, whose gain is √2" in detail
    assert "vanishing_gradients" in found


def test_a_large_init_explodes() -> None:
    found = codes(mlp({"kind": "normal", "std": 1.0}))
    assert found["exploding_activations"][0] in {"2.fc", "3.fc"}
    assert "exploding_gradients" in found
    assert "unexpected_loss" in found


def test_the_remedy_fits_the_activation() -> None:
    for act, words in {"Tanh": "gain of 5/3", "SELU": "lecun_normal", "Sigmoid": "xavier_normal"}.items():
        found = codes(mlp({"kind": "normal", "std": 0.001}, act))
        assert any(words in detail for _, detail in found.values())


def test_saturation() -> None:
    layer, detail = codes(mlp({"kind": "normal", "std": 1.0}, "Tanh"))["saturation"]
    assert layer == "0.act"
    assert "near a bound" in detail


def test_dead_units() -> None:
    bias = {"kind": "constant", "value": -20.0}
    layer, detail = codes(mlp("kaiming_normal", bias=bias))["dead_units"]
    assert layer == "0.act"
    assert detail.startswith("100% of the units")


def test_rank_collapse() -> None:
    layer, detail = codes(mlp("kaiming_normal", bias={"kind": "normal", "std": 20.0}))["rank_collapse"]
    assert layer == "0.fc"
    assert "mean cosine" in detail


def test_samples_that_are_alike_already_are_no_collapse() -> None:
    document = mlp("kaiming_normal")
    document["input"] = {"shape": [64, 64], "init": {"kind": "normal", "mean": 5.0, "std": 0.01}}
    assert "rank_collapse" not in codes(document)


def test_a_loss_far_from_the_expected_one() -> None:
    document = mlp("kaiming_normal", depth=1)
    document["layers"][-1]["init"] = {"weight": {"kind": "normal", "std": 5.0}}
    layer, detail = codes(document)["unexpected_loss"]
    assert layer == "head"
    assert "where 2.303 is expected (ln C for C = 10 classes" in detail


def test_a_loss_that_is_not_finite() -> None:
    document = mlp("kaiming_normal", optimizer={"kind": "SGD", "lr": 1e30}, steps=4)
    found = report(document)
    step = next(i for i, loss in enumerate(found.steps, 1) if not math.isfinite(loss))
    last = found.warnings[-1]
    assert (last.code, last.layer) == ("non_finite", "head")
    assert last.detail == f"the loss is not finite after step {step}: lower the learning rate"


def test_an_output_that_is_not_finite_names_the_first_layer() -> None:
    found = codes(mlp({"kind": "normal", "std": 1e15}))
    assert found["non_finite"][0] in {"1.fc", "2.fc"}


def test_probabilities_that_are_not_finite_give_a_loss_that_is_none() -> None:
    document = mlp({"kind": "normal", "std": 1e15}, loss="binary_cross_entropy")
    document["layers"].append({"type": "Sigmoid"})
    document["target"] = {"init": {"kind": "uniform", "a": 0, "b": 1}}
    document |= {"optimizer": "SGD", "steps": 2}
    found = report(document)
    assert math.isnan(found.loss or 0.0)
    assert all(math.isnan(loss) for loss in found.steps)


def test_a_table_of_zeros_and_norms_are_no_symmetry() -> None:
    layers = [
        {
            "name": "t",
            "type": "Embedding",
            "num_embeddings": 5,
            "embedding_dim": 4,
            "init": {"weight": "zeros"},
        },
        {"name": "n", "type": "LayerNorm", "normalized_shape": [3, 4]},
    ]
    assert "symmetric_neurons" not in codes({"layers": layers, "input": {"shape": [8, 3], "classes": 5}})


@pytest.mark.parametrize("kind", ["LayerNorm", "RMSNorm"])
def test_a_gain_of_matrix_shape_is_no_matrix(kind: str) -> None:
    """A small gain shrinks the signal, which shows at the next matrix, and is what to draw anew."""
    linear = {"type": "Linear", "in_features": 4, "out_features": 4, "init": {"bias": "zeros"}}
    gain = {"weight": {"kind": "constant", "value": 1e-4}}
    layers = [
        {"name": "first", **linear},
        {"name": "norm", "type": kind, "normalized_shape": [3, 4], "init": gain},
        {"name": "last", **linear},
    ]
    found = codes({"layers": layers, "input": {"shape": [16, 3, 4], "init": "normal"}})
    layer, detail = found["vanishing_activations"]
    assert layer == "last"
    assert "draw the weight of norm by ones" in detail
