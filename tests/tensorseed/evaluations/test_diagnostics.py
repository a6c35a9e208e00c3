"""Diagnostics of a layer by definition, and losses of an untrained net."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.evaluations.diagnostics import (
    FEATURES,
    SAMPLES,
    dead_share,
    measure_collapse,
    sample_rows,
    total_norm,
)
from tensorseed.evaluations.objective import FITTING
from tensorseed.losses import LOSSES
from tests.tensorseed.evaluations.cases import faults, report


def test_the_rank_of_equal_singular_values_is_their_number() -> None:
    rank, largest, similarity = measure_collapse(torch.eye(6, 9))
    assert rank == pytest.approx(6.0)
    assert largest == 6
    assert similarity == pytest.approx(0.0)


def test_the_rank_of_one_direction_is_one() -> None:
    rows = torch.outer(torch.arange(1.0, 6.0), torch.tensor([1.0, 2.0, -1.0]))
    rank, largest, similarity = measure_collapse(rows)
    assert rank == pytest.approx(1.0, abs=1e-6)
    assert largest == 3
    assert similarity == pytest.approx(1.0)


@given(st.integers(0, 1000), st.integers(2, 12), st.integers(1, 12))
def test_the_rank_is_that_of_the_singular_values(seed: int, rows: int, columns: int) -> None:
    x = torch.randn(rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    values = torch.linalg.svdvals(x)
    p = values / values.sum()
    assert measure_collapse(x)[0] == pytest.approx(math.exp(-float((p * p.log()).sum())), rel=1e-4)
    unit = x / x.norm(dim=1, keepdim=True)
    cosines = unit @ unit.T
    mean = (float(cosines.sum()) - rows) / (rows * (rows - 1))
    assert measure_collapse(x)[2] == pytest.approx(mean, abs=1e-9)


def test_rank_where_there_is_none() -> None:
    assert measure_collapse(torch.zeros(3, 4)) == (0.0, 3, None)
    assert measure_collapse(torch.ones(1, 4)) == (None, None, None)
    assert measure_collapse(torch.ones(4)) == (None, None, None)
    rank, _, similarity = measure_collapse(torch.tensor([[1.0, math.nan], [1.0, 2.0]]))
    assert math.isnan(rank or 0.0)
    assert math.isnan(similarity or 0.0)
    assert measure_collapse(torch.tensor([[1e300, 0.0], [0.0, 1e300]], dtype=torch.float64))[
        0
    ] == pytest.approx(2.0)


def test_a_bounded_part_is_looked_at() -> None:
    assert sample_rows(torch.zeros(500, 3, 40, 40)).shape == (SAMPLES, FEATURES)
    assert sample_rows(torch.zeros(5, 3)).shape == (5, 3)


def test_dead_units_by_axis() -> None:
    x = torch.zeros(4, 3, 2)
    x[0, 1, 0] = 1.0
    assert dead_share(x, -2) == pytest.approx(2 / 3)
    assert dead_share(x, -1) == pytest.approx(1 / 2)
    assert dead_share(torch.zeros(()), -1) == 1.0


def test_norms_do_not_overflow() -> None:
    x = torch.full((10,), 1e30)
    assert total_norm([x, x]) == pytest.approx(1e30 * math.sqrt(20))
    assert math.isinf(total_norm([torch.tensor([math.inf])]))


def layer(kind: str, data: Any, **arguments: Any) -> Any:
    return report({"layers": [{"type": kind, **arguments}], "input": {"data": data}}).layers[0]


def test_shares() -> None:
    found = layer("ReLU", [[-1.0, 1.0, -1.0], [-1.0, -1.0, 2.0]])
    assert found.zeros == pytest.approx(4 / 6)
    assert found.dead == pytest.approx(1 / 3)
    assert found.saturated is None
    assert layer("Sigmoid", [[-9.0, 0.0, 9.0, 1.0]]).saturated == 0.5
    assert layer("Tanh", [[-9.0, 0.0, 9.0, 1.0]]).saturated == 0.5
    assert layer("ReLU6", [[-9.0, 7.0]]).saturated == 0.5
    assert layer("Hardtanh", [[-9.0, 0.0]], min_val=-2.0).saturated == 0.5


def test_a_projected_state_has_no_bounds() -> None:
    def lstm(**more: Any) -> dict[str, Any]:
        return {"name": "l", "type": "LSTM", "input_size": 8, "hidden_size": 6, **more}

    given = {"shape": [3, 2, 8], "init": "normal"}
    assert report({"layers": [lstm()], "input": given}).layers[0].saturated is not None
    assert report({"layers": [lstm(proj_size=4)], "input": given}).layers[0].saturated is None


def test_channels_are_the_units_of_a_convolution() -> None:
    layers = [
        {"name": "c", "type": "Conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": 1,
         "init": {"weight": {"kind": "values", "data": [[[[1.0]]], [[[-1.0]]]]}, "bias": "zeros"}},
        {"type": "ReLU"},
        {"type": "Flatten"},
    ]  # fmt: skip
    found = report({"layers": layers, "input": {"shape": [3, 1, 4, 4], "init": "ones"}})
    assert [one.dead for one in found.layers] == [0.0, 0.5, 0.5]


def test_the_losses_of_a_network_are_those_of_an_input_and_a_target() -> None:
    assert set(UNINFORMED) <= set(FITTING) <= set(LOSSES)


TARGETS: dict[str, Any] = {
    "cross_entropy": {"classes": 4},
    "nll_loss": {"classes": 4},
    "multi_margin_loss": {"classes": 4},
    "multilabel_margin_loss": {"data": [[1, -1, -1, -1]] * 8},
    "hinge_embedding_loss": {"data": [[1, -1, 1, 1]] * 8},
    "soft_margin_loss": {"data": [[1, -1, 1, 1]] * 8},
    "binary_cross_entropy_with_logits": {"classes": 2},
    "binary_cross_entropy": {"classes": 2},
    "multilabel_soft_margin_loss": {"classes": 2},
    "poisson_nll_loss": {"classes": 5},
    "sigmoid_focal_loss": {"classes": 2},
    "dice_loss": {"classes": 2},
    "tversky_loss": {"classes": 2},
    "kl_div": {"init": {"kind": "constant", "value": 0.25}},
    "cross_entropy_of_distributions": {"init": {"kind": "constant", "value": 0.25}},
}
EXPECTED = {
    "cross_entropy": math.log(4),
    "nll_loss": math.log(4),
    "binary_cross_entropy": math.log(2),
    "binary_cross_entropy_with_logits": math.log(2),
    "soft_margin_loss": math.log(2),
    "multilabel_soft_margin_loss": math.log(2),
    "multi_margin_loss": 0.75,
    "poisson_nll_loss": 1.0,
    "kl_div": 0.0,
}
UNINFORMED = {
    *EXPECTED,
    "hinge_embedding_loss",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "sigmoid_focal_loss",
    "dice_loss",
    "tversky_loss",
    "quantile_loss",
    "log_cosh_loss",
    "multilabel_margin_loss",
    "smooth_l1_loss",
}
LAST = {
    "nll_loss": {"type": "LogSoftmax", "dim": 1},
    "kl_div": {"type": "LogSoftmax", "dim": 1},
    "binary_cross_entropy": {"type": "Sigmoid"},
    "cross_entropy_of_distributions": {"type": "Softmax", "dim": 1},
    "dice_loss": {"type": "Sigmoid"},
    "tversky_loss": {"type": "Sigmoid"},
}


@pytest.mark.parametrize("loss", FITTING)
def test_every_loss_of_an_input_and_a_target_can_be_trained(loss: str) -> None:
    layers = [{"name": "fc", "type": "Linear", "in_features": 3, "out_features": 4}]
    document = {
        "layers": [*layers, *([LAST[loss]] if loss in LAST else [])],
        "input": {"shape": [8, 3], "init": "normal"},
        "target": TARGETS.get(loss, {"init": "normal"}),
        "loss": loss,
        "optimizer": "SGD",
        "steps": 3,
    }
    found = report(document)
    assert found.loss is not None
    assert len(found.steps) == 3
    assert math.isfinite(found.steps[-1])
    if loss in EXPECTED:
        assert found.expected_loss is not None
        assert found.expected_loss.value == pytest.approx(EXPECTED[loss], rel=1e-12, abs=1e-12)
    assert (found.expected_loss is not None) == (loss in UNINFORMED)


def test_the_expected_loss_of_an_overlap_knows_a_softmax_from_a_sigmoid() -> None:
    layers = [{"name": "fc", "type": "Linear", "in_features": 3, "out_features": 4}]
    target = {"data": [[1.0, 0.0, 0.0, 0.0]] * 2}
    for last, half in (({"type": "Sigmoid"}, 1 / 2), ({"type": "Softmax", "dim": 1}, 1 / 4)):
        given = {"shape": [2, 3], "init": "normal"}
        found = report({"layers": [*layers, last], "input": given, "target": target, "loss": "dice_loss"})
        assert found.expected_loss is not None
        assert found.expected_loss.value == pytest.approx(1 - 2 * half * 2 / (2 + 8 * half))
        assert found.expected_loss.formula.startswith(
            f"the loss of probabilities that are all 1/{'2C'[half < 0.5]}"
        )
    asked = {"layers": layers, "input": given, "target": target, "loss": {"kind": "dice_loss", "axis": 3}}
    assert list(faults(asked)) == ["/loss/axis"]
    detail = faults({**asked, "loss": "dice_loss"})["/loss"]
    assert detail.endswith("end the network with Sigmoid, or with Softmax over the classes")


def test_the_expected_loss_of_squares_is_the_targets_second_moment() -> None:
    layers = [{"name": "fc", "type": "Linear", "in_features": 2, "out_features": 2}]
    target = [[1.0, 2.0], [3.0, 4.0]]
    found = report(
        {"layers": layers, "input": {"data": target}, "target": {"data": target}, "loss": "mse_loss"}
    )
    assert found.expected_loss is not None
    assert found.expected_loss.value == 7.5
