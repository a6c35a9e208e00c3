"""Gradients at time steps against a hand-written loop that retains them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from tensorseed.evaluations import evaluate
from tensorseed.evaluations import evaluation as evaluations
from tensorseed.evaluations.report import MAX_TIME_STEPS, LayerReport
from tests.tensorseed.evaluations.cases import read, report, reports
from tests.tensorseed.evaluations.test_run import drawn, weights

STEPS, SAMPLES, FEATURES, HIDDEN = 70, 3, 4, 5  # two whole segments of steps and a part
CELLS = {"RNN": torch.nn.RNNCell, "LSTM": torch.nn.LSTMCell, "GRU": torch.nn.GRUCell}


def network(kind: str, shape: list[int], **arguments: Any) -> dict[str, Any]:
    layer = {"name": "rnn", "type": kind, "input_size": FEATURES, "hidden_size": HIDDEN, **arguments}
    return {
        "layers": [layer],
        "input": {"shape": shape, "init": "normal"},
        "target": {"init": "normal"},
        "loss": "mse_loss",
        "dtype": "float64",
    }


class Projected(torch.nn.Module):
    """A step of an LSTM with a projection, for which torch has no cell, by its formula."""

    def __init__(self, own: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.own = own

    def forward(self, x: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        h, c = state
        gates = functional.linear(x, self.own["weight_ih"], self.own["bias_ih"])
        i, f, g, o = (gates + functional.linear(h, self.own["weight_hh"], self.own["bias_hh"])).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return (o.sigmoid() * c.tanh()) @ self.own["weight_hr"].T, c


def cell(layer: dict[str, Any], own: dict[str, torch.Tensor]) -> torch.nn.Module:
    if "weight_hr" in own:
        return Projected(own)
    arguments = {"nonlinearity": layer["nonlinearity"]} if "nonlinearity" in layer else {}
    sizes = own["weight_ih"].shape[1], HIDDEN
    found = CELLS[layer["type"]](*sizes, bias="bias_ih" in own, dtype=torch.float64, **arguments)
    found.load_state_dict(own)
    return found


def by_hand(document: dict[str, Any]) -> tuple[list[float], list[float]]:
    """The norms of the gradients of every hidden state of the last layer, and those in reverse."""
    (layer,) = document["layers"]
    shape = document["input"]["shape"]
    tensors = weights([layer], dtype="float64")
    batch_first = layer.get("batch_first", False) and len(shape) == 3
    size = layer.get("proj_size") or HIDDEN
    x = drawn("input", shape, "normal", "float64")
    x = x.unsqueeze(1) if x.dim() == 2 else x.transpose(0, 1) if batch_first else x
    suffixes = ["", "_reverse"] if layer.get("bidirectional") else [""]
    retained: dict[str, list[torch.Tensor]] = {}
    for index in range(layer.get("num_layers", 1)):
        for suffix in suffixes:
            ending = f"_l{index}{suffix}"
            own = {
                name.removeprefix("rnn.").removesuffix(ending): tensor
                for name, tensor in tensors.items()
                if name.endswith(ending)
            }
            run = cell(layer, own)
            h = x.new_zeros(x.shape[1], size, requires_grad=True)
            c, found = x.new_zeros(x.shape[1], HIDDEN), []
            for one in x.flip(0) if suffix else x:
                if layer["type"] == "LSTM":
                    h, c = run(one, (h, c))
                else:
                    h = run(one, h)
                h.retain_grad()
                found.append(h)
            retained[suffix] = found[::-1] if suffix else found
        x = torch.cat([torch.stack(retained[suffix]) for suffix in suffixes], 2)
    y = x.squeeze(1) if len(shape) == 2 else x.transpose(0, 1) if batch_first else x
    functional.mse_loss(y, drawn("target", list(y.shape), "normal", "float64")).backward()
    norms = {}
    for suffix, states in retained.items():
        grads = [state.grad for state in states]
        norms[suffix] = [float(grad.norm()) for grad in grads if grad is not None]
    return norms[""], norms.get("_reverse", [])


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({}, [STEPS, SAMPLES, FEATURES]),
        ({"batch_first": True}, [SAMPLES, 33, FEATURES]),
        ({"batch_first": True, "bias": False}, [6, FEATURES]),
        ({"bidirectional": True}, [33, SAMPLES, FEATURES]),
        ({"num_layers": 2}, [6, SAMPLES, FEATURES]),
        ({"num_layers": 3, "bidirectional": True, "batch_first": True}, [SAMPLES, 6, FEATURES]),
        ({"num_layers": 1, "dropout": 0.5}, [1, 1, FEATURES]),
    ],
)  # fmt: skip
def test_they_are_those_that_a_loop_retains(kind: str, arguments: dict[str, Any], shape: list[int]) -> None:
    compare_with_loop(network(kind, shape, **arguments))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("RNN", {"nonlinearity": "relu", "bidirectional": True}),
        ("LSTM", {"proj_size": 2}),
        ("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True}),
    ],
)
def test_a_projection_and_relu_have_them_too(kind: str, arguments: dict[str, Any]) -> None:
    compare_with_loop(network(kind, [33, SAMPLES, FEATURES], **arguments))


def compare_with_loop(document: dict[str, Any]) -> None:
    (layer,) = report(document).layers
    forward, reverse = by_hand(document)
    assert layer.hidden_gradient_norms == pytest.approx(forward, rel=1e-9, abs=0)
    assert list(layer.hidden_gradient_norms_reverse or ()) == pytest.approx(reverse, rel=1e-9, abs=0)


def last_step(kind: str, steps: int, init: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """A network whose loss sees the last step alone."""
    return {
        "layers": [
            {"name": "rnn", "type": kind, "input_size": 8, "hidden_size": 8, "init": init, **arguments},
            {"type": "Select", "dim": 0},
            {"name": "head", "type": "Linear", "in_features": 8, "out_features": 3},
        ],
        "input": {"shape": [steps, 16, 8], "init": "normal"},
        "target": {"classes": 3},
        "loss": "cross_entropy",
    }


def norms_of(document: dict[str, Any]) -> tuple[float, ...]:
    found: LayerReport = report(document).layers[0]
    assert found.hidden_gradient_norms is not None
    return found.hidden_gradient_norms


def test_a_forget_bias_keeps_the_gradient_at_the_first_step() -> None:
    """The gradient passes each cell by the factor σ(f): 0.73 for a bias of 1, 0.12 for −2."""

    def forget(bias: float) -> tuple[float, ...]:
        part = {"kind": "parts", "axis": 0, "parts": [
            {"size": 8, "init": "zeros"},
            {"size": 8, "init": {"kind": "constant", "value": bias}},
            {"size": 16, "init": "zeros"},
        ]}  # fmt: skip
        inits = {
            "weight_ih_l0": "xavier_uniform",
            "weight_hh_l0": "orthogonal",
            "bias_ih_l0": part,
            "bias_hh_l0": "zeros",
        }
        return norms_of(last_step("LSTM", 20, inits))

    kept, lost = forget(1.0), forget(-2.0)
    assert len(kept) == len(lost) == 20
    assert kept[0] > 1_000 * lost[0]
    assert kept[-1] == pytest.approx(lost[-1], rel=0.5)


def test_an_orthogonal_recurrence_keeps_the_gradient_at_every_step() -> None:
    """The Jacobian of ReLU's network is near its weight: the norms hold, where a small weight loses them."""
    biases = {"bias_ih_l0": {"kind": "constant", "value": 10.0}, "bias_hh_l0": "zeros"}
    small = {"kind": "normal", "std": 0.01}

    def norms(recurrent: Any) -> tuple[float, ...]:
        inits = {"weight_ih_l0": small, "weight_hh_l0": recurrent, **biases}
        return norms_of(last_step("RNN", 12, inits, nonlinearity="relu"))

    kept = norms("eye")
    assert kept == pytest.approx([kept[-1]] * 12)
    assert norms(small)[0] < 1e-9 * kept[0]


def test_the_last_step_has_the_gradient_of_the_output_alone() -> None:
    document = last_step("GRU", 9, {})
    assert norms_of(document)[-1] == pytest.approx(report(document).layers[0].gradient_norm)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_between_layers_leaves_none_while_training(training: bool) -> None:
    document = network("GRU", [4, 2, FEATURES], num_layers=2, dropout=0.5, bidirectional=True)
    (layer,) = report({**document, "training": training}).layers
    assert (layer.hidden_gradient_norms is None) == (layer.hidden_gradient_norms_reverse is None) == training
    if not training:
        compare_with_loop({**document, "training": False})


def test_other_layers_and_networks_without_a_loss_have_none() -> None:
    document = network("LSTM", [4, 2, FEATURES], bidirectional=True)
    bare = {name: document[name] for name in ("layers", "input")}
    assert report(bare).layers[0].hidden_gradient_norms is None
    head = {"name": "head", "type": "Linear", "in_features": 2 * HIDDEN, "out_features": 2}
    two = report({**document, "layers": [*document["layers"], head]}).layers
    assert [layer.hidden_gradient_norms is None for layer in two] == [False, True]


def test_more_time_steps_than_the_limit_have_none_in_any_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    document = network("RNN", [4, 2, FEATURES], num_layers=2, bidirectional=True)
    document["compare"] = ["zeros", "normal"]
    assert MAX_TIME_STEPS > 32
    monkeypatch.setattr(evaluations, "MAX_TIME_STEPS", 32)
    assert all(one.layers[0].hidden_gradient_norms for one in reports(document))
    monkeypatch.setattr(evaluations, "MAX_TIME_STEPS", 31)
    assert all(one.layers[0].hidden_gradient_norms is None for one in reports(document))


def test_they_change_no_other_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those of the untrained network, nor the training with dropout behind the recurrence."""
    document = network("LSTM", [6, 3, FEATURES], num_layers=2)
    document["layers"].append({"type": "Dropout", "p": 0.5})
    document |= {"optimizer": "Adam", "steps": 3, "return_weights": True}
    with_them = report(document)
    monkeypatch.setattr(evaluations, "MAX_TIME_STEPS", 0)
    without = report(document)
    own = {"hidden_gradient_norms", "hidden_gradient_norms_reverse"}
    assert with_them.model_dump(exclude={"layers": {"__all__": own}}) == without.model_dump(
        exclude={"layers": {"__all__": own}}
    )
    assert with_them.weights is not None
    assert without.weights is not None
    assert all(torch.equal(value, without.weights[name]) for name, value in with_them.weights.items())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_dtypes_have_nearly_the_same(dtype: str) -> None:
    document = network("LSTM", [6, 2, FEATURES])
    wide, narrow = (norms_of({**document, "dtype": one}) for one in ("float32", dtype))
    assert narrow == pytest.approx(wide, rel=0.1)


def test_numbers_that_are_not_finite_are_reported() -> None:
    init = {
        "weight_ih_l0": {"kind": "constant", "value": 3e38},
        "weight_hh_l0": {"kind": "constant", "value": 3e38},
    }
    document = network("RNN", [4, 2, FEATURES], nonlinearity="relu", init=init)
    found = norms_of({**document, "dtype": "float32"})
    assert len(found) == 4
    assert not torch.tensor(found).isfinite().all()


def test_the_estimate_counts_them() -> None:
    document = network("LSTM", [STEPS, SAMPLES, FEATURES], num_layers=2, bidirectional=True)
    seen = read(document)
    del document["loss"], document["target"]
    assert seen.shows_time_steps
    assert not read(document).shows_time_steps
    assert seen.seconds - read(document).seconds > STEPS * 2 * 2 * 1e-4


def test_an_evaluation_that_is_cancelled_ends_between_steps() -> None:
    """Every segment looks at the deadline."""
    document = network("RNN", [STEPS, 1, FEATURES])
    polls = 0

    def count() -> bool:
        nonlocal polls
        polls += 1
        return False

    evaluate(read(document), count)
    with_them = polls
    polls = 0
    evaluate(read({**document, "input": {"shape": [1, 1, FEATURES], "init": "normal"}}), count)
    assert with_them >= polls + 4
