"""Densities against their moments, and against what is drawn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tensorseed.statistics.density import Density, density_of

from .tensors import tensor_of

FLAT = 1e-4  # of an integral over a grid
PARTS = {"kind": "parts", "axis": 1, "parts": [{"size": 32, "init": "zeros"}, {"size": 96, "init": "normal"}]}
CASES: list[tuple[list[int], Any]] = [
    ([256, 128], "xavier_uniform"),
    ([256, 128], {"kind": "normal", "mean": 0.3, "std": 0.02}),
    ([256, 128], "trunc_normal"),
    ([256, 128], {"kind": "trunc_normal", "mean": 0.5, "std": 2.0, "a": -1.0, "b": 7.5}),
    ([256, 128], {"kind": "trunc_normal", "a": 3.0, "b": 5.0}),
    ([256, 128], {"kind": "trunc_normal", "a": -21.0, "b": -20.0}),
    ([256, 128], "orthogonal"),
    ([256, 3], {"kind": "orthogonal", "gain": 2.0}),
    ([3, 3], "orthogonal"),
    ([4, 3, 64, 64], "orthogonal"),
    ([256, 128], {"kind": "sparse", "sparsity": 0.1, "std": 0.5}),
    ([128, 128], "eye"),
    ([16, 16, 3, 3], "dirac"),
    ([128], {"kind": "constant", "value": 0.25}),
    ([256, 128], PARTS),
    ([1, 1], {"kind": "orthogonal", "gain": 3.0}),
    ([64, 32, 3, 3], "delta_orthogonal"),
    ([40_000], {"kind": "log_uniform", "a": 0.001, "b": 0.1}),
    ([40_000], {"kind": "log_of_uniform", "a": 1.0, "b": 16.0}),
    ([40_000], {"kind": "inverse_softplus_log_uniform", "a": 0.001, "b": 0.1, "floor": 0.004}),
    ([40_000], {"kind": "rg_lru"}),
]


def mass_and_moments(found: Density, low: float, high: float) -> tuple[float, float, float]:
    """The whole mass, the mean and the standard deviation, by the midpoint rule."""
    width = (high - low) / 400_000
    x = low + (np.arange(400_000) + 0.5) * width
    numbers = np.concatenate([x, [*found.masses.keys()]])
    weights = np.concatenate([found.at(x) * width, [*found.masses.values()]])
    mass = float(weights.sum())
    mean = float((weights * numbers).sum()) / mass
    return mass, mean, math.sqrt(float((weights * (numbers - mean) ** 2).sum()) / mass)


@pytest.mark.parametrize(("shape", "init"), CASES, ids=str)
def test_it_has_the_mass_1_and_the_exact_moments(shape: list[int], init: Any) -> None:
    tensor, _ = tensor_of(shape, init)
    found, moments = density_of(tensor.distribution, tensor.shape), tensor.distribution.moments(tensor.shape)
    assert found is not None
    assert moments is not None
    low, high = found.support or (0.0, 1.0)
    low, high = max(low, moments[0] - 12 * moments[1]), min(high, moments[0] + 12 * moments[1])
    mass, mean, std = mass_and_moments(found, low, high)
    assert mass == pytest.approx(1.0, abs=FLAT)
    assert mean == pytest.approx(moments[0], abs=FLAT * max(abs(moments[0]), moments[1]))
    assert std == pytest.approx(moments[1], rel=10 * FLAT)


@pytest.mark.parametrize(("shape", "init"), CASES, ids=str)
def test_it_is_what_is_drawn(shape: list[int], init: Any) -> None:
    tensor, source = tensor_of(shape, init)
    found = density_of(tensor.distribution, tensor.shape)
    assert found is not None
    drawn = np.empty(tensor.numel, np.float32)
    source.fill(tensor, 0, drawn)
    for value, mass in found.masses.items():
        assert np.mean(drawn == np.float32(value)) == pytest.approx(mass, abs=4 / math.sqrt(tensor.numel))
    spread = drawn[~np.isin(drawn, np.array([*found.masses], np.float32))]
    if spread.size < 1_000:
        return
    edges = np.quantile(spread, np.linspace(0.02, 0.98, 20)).astype(np.float64)  # far from what bounds it
    x = edges[:-1] + (np.arange(200)[:, None] + 0.5) / 200 * np.diff(edges)
    expected = found.at(x).mean(axis=0) * np.diff(edges) * drawn.size
    counts, _ = np.histogram(spread.astype(np.float64), edges)
    assert (np.abs(counts - expected) < 5.5 * np.sqrt(expected) + 2).all()


def test_two_dimensional_orthogonal_elements_have_the_arcsine_density() -> None:
    tensor, _ = tensor_of([2, 2], "orthogonal")
    found = density_of(tensor.distribution, tensor.shape)
    assert found is not None
    x = np.array([-0.5, 0.0, 0.8])
    assert found.at(x) == pytest.approx(1 / (np.pi * np.sqrt(1 - x * x)))
    assert np.isfinite(found.at(np.array([-1.0, 1.0]))).all()


def test_parts_of_one_init_are_one_component() -> None:
    tensor, _ = tensor_of(
        [64, 8],
        {
            "kind": "parts",
            "parts": [{"size": 16, "init": "ones"}, {"size": 16, "init": "normal", "repeat": 3}],
        },
    )
    found = density_of(tensor.distribution, tensor.shape)
    assert found is not None
    assert [weight for weight, _ in found.components] == [0.75]
    assert found.masses == {1.0: 0.25}


@pytest.mark.parametrize(
    ("shape", "init"),
    [([2], {"kind": "values", "data": [1, 2]}), ([8, 8], "sinusoidal"), ([0, 3], "normal")],
)
def test_without_a_formula_there_is_none(shape: list[int], init: Any) -> None:
    tensor, _ = tensor_of(shape, init)
    assert density_of(tensor.distribution, tensor.shape) is None
