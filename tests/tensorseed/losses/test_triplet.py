"""The distances of the triplet loss, against their definitions."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from tensorseed.losses import evaluate, read_loss
from tensorseed.losses.triplet import distance
from tensorseed.spec.limits import Limits
from tests.tensorseed.losses.cases import normal

U, V = [3.0, -1.0, 2.0], [1.0, 1.0, 0.5]
DISTANCES: dict[Any, float] = {
    "pairwise_distance": math.dist(U, [v - 1e-6 for v in V]),
    "cosine_distance": 1 - (3.0 - 1.0 + 1.0) / (math.hypot(*U) * math.hypot(*V)),
    "squared_euclidean": 4.0 + 4.0 + 2.25,
    "manhattan": 2.0 + 2.0 + 1.5,
    "chebyshev": 2.0,
}


@pytest.mark.parametrize("name", DISTANCES)
def test_distances(name: Any) -> None:
    u, v = (torch.tensor(vector, dtype=torch.float64) for vector in (U, V))
    assert distance(name)(u, v).item() == pytest.approx(DISTANCES[name], abs=1e-12)
    assert distance(name)(u.expand(4, 2, 3), v.expand(4, 2, 3)).shape == (4, 2)


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 4, 3)])
def test_the_loss_is_torchs_with_the_same_function(name: Any, swap: bool, shape: tuple[int, ...]) -> None:
    tensors = {key: normal(*shape) for key in ("anchor", "positive", "negative")}
    for reduction in ("none", "mean", "sum"):
        options = {"margin": 0.7, "swap": swap, "reduction": reduction}
        document = {"distance_function": name, "gradients": list(tensors), **options}
        result = evaluate(read_loss("triplet_margin_with_distance_loss", document, Limits(), tensors))
        leaves = {key: tensor.clone().requires_grad_() for key, tensor in tensors.items()}
        expected = functional.triplet_margin_with_distance_loss(
            **leaves, distance_function=distance(name), **options
        )
        expected.sum().backward()
        assert torch.equal(result.loss, expected.detach())
        for key, leaf in leaves.items():
            assert torch.equal(result.gradients[key], leaf.grad)
