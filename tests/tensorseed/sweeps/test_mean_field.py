"""Contour of unit gain of deep tanh networks, against mean-field theory.

Sources: Poole et al. (2016): Exponential expressivity in deep neural networks through transient chaos.
Schoenholz et al. (2017): Deep information propagation.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from tensorseed.sweeps.grid import Grid
from tensorseed.sweeps.plots import draw
from tensorseed.sweeps.plots.choice import choose
from tensorseed.sweeps.plots.heat_map import Cells
from tests.tensorseed.sweeps.grids import grid_of, swept, tanh

BIASES = [0.2, 0.5, 1.0]
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(101)


def mean(values: np.ndarray) -> float:
    """E[f(z)] of a standard normal z, by Gauss-Hermite quadrature."""
    return float(WEIGHTS @ values / WEIGHTS.sum())


def chi(sigma_w: float, sigma_b: float) -> float:
    """χ₁ = σ_w² E[φ'(√q* z)²] at the fixed point q* = σ_w² E[φ(√q* z)²] + σ_b², φ = tanh."""
    q = 1.0
    for _ in range(1_000):
        q = sigma_w**2 * mean(np.tanh(np.sqrt(q) * NODES) ** 2) + sigma_b**2
    return sigma_w**2 * mean(np.cosh(np.sqrt(q) * NODES) ** -4.0)


def edge(sigma_b: float) -> float:
    """The σ_w at which χ₁ = 1, by bisection."""
    low, high = 0.5, 4.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if chi(middle, sigma_b) < 1 else (low, middle)
    return low


def test_the_edge_of_chaos_is_where_theory_has_it(tmp_path: Path) -> None:
    """Without biases the variance falls as 1/depth, and no finite network is at its fixed point."""
    body = grid_of(tanh(24, 128, 8), sigma_w=[1.3, 1.6, 1.9], sigma_b=BIASES, seed=[0, 1])
    grid = Grid.read(body)
    rows = swept(body, tmp_path)
    picture = choose(grid, None, None, None)
    assert (picture.value, picture.x.name, picture.y and picture.y.name) == (
        "gradient_gain",
        "sigma_w",
        "sigma_b",
    )
    (line,) = Cells.of(rows, picture).contour()
    found = {round(y, 9): x for x, y in line}
    for sigma_b in BIASES:
        assert found[sigma_b] == pytest.approx(edge(sigma_b), abs=0.06), sigma_b
    assert draw(rows, picture, "png") == draw(rows, picture, "png")
    assert io.BytesIO(draw(rows, picture, "png")).read(4) == b"\x89PNG"


def test_theory_is_that_of_the_papers() -> None:
    """χ₁ = σ_w² at q* = 0, so that the edge without biases is at σ_w = 1; σ_b = 0.3 is at about 1.39."""
    assert edge(0.0) == pytest.approx(1.0, abs=0.01)
    assert chi(0.8, 0.0) == pytest.approx(0.64)
    assert 1.3 < edge(0.3) < 1.5
