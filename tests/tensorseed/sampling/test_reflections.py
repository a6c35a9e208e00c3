"""Rows through reflections, against their definition."""

from __future__ import annotations

import numpy as np
import pytest

from tensorseed.sampling.distributions import Normal
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.philox import stream_key
from tensorseed.sampling.reflections import orthogonal_rows
from tests.tensorseed.draws import numbers

SHAPES = [(1, 1), (1, 7), (7, 1), (2, 2), (40, 40), (90, 31), (31, 90), (300, 17), (5, 1000)]
KEY = stream_key(1, "w")


def rows(shape: tuple[int, int]) -> np.ndarray:
    return orthogonal_rows(KEY, shape, np.arange(shape[0]))


def test_it_is_the_q_of_the_gaussian_matrix_with_a_positive_diagonal():
    """What the definition says, by LAPACK: the same Gaussians, QR, the signs of R's diagonal moved into Q.

    Only the elements on and below the diagonal of the Gaussian matrix are drawn; those above come from R, so
    the check is that Qᵀ·(first column) is ‖g₀‖·e₁ and so on, by rebuilding the columns one by one.
    """
    m, k = 9, 4
    gaussians = numbers(Normal(0, 1), DTYPES["float64"], m * k, name="w", seed=1).reshape(k, m)
    q = np.eye(m)
    signs = []
    for j in range(k):
        g = gaussians[j, j:]
        sign = 1.0 if g[0] >= 0 else -1.0
        v = np.zeros(m)
        v[j:] = g
        v[j] += sign * np.linalg.norm(g)
        reflection = np.eye(m) - 2 * np.outer(v, v) / (v @ v)
        assert np.allclose((reflection[j:, j:] @ g)[1:], 0, atol=1e-14)
        q = q @ reflection
        signs.append(-sign)
    assert np.allclose(rows((m, k)), q[:, :k] * signs, atol=1e-14)
    assert np.allclose(rows((k, m)), (q[:, :k] * signs).T, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shorter_side_is_orthonormal(shape):
    q = rows(shape)
    gram = q.T @ q if shape[0] >= shape[1] else q @ q.T
    assert np.abs(gram - np.eye(min(shape))).max() < 1e-13


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_is_the_same_alone_and_in_any_company(shape):
    q = rows(shape)
    chosen = np.array([0, shape[0] - 1, shape[0] // 2])
    assert np.array_equal(orthogonal_rows(KEY, shape, chosen), q[chosen])
    for row in chosen:
        assert np.array_equal(orthogonal_rows(KEY, shape, np.array([row]))[0], q[row])
