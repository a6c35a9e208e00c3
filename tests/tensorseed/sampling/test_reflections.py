"""Rows through reflections, against their definition."""

from __future__ import annotations

import math

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


def by_definition(shape: tuple[int, int], row: int) -> list[float]:
    """A row as docs/stream-v1.md defines it, one number after the other."""
    m, k = max(shape), min(shape)
    gaussians = numbers(Normal(0, 1), DTYPES["float64"], m * k, name="w", seed=1).reshape(k, m).tolist()
    e = [1.0 if i == row else 0.0 for i in range(m)]
    tall, signs = shape[0] > shape[1], []
    for j in range(k) if tall else range(row, -1, -1):
        v, square, dot = gaussians[j], 0.0, 0.0
        for i in range(j, m):
            square += v[i] * v[i]
        norm = math.sqrt(square)
        signs.append(1.0 if v[j] >= 0.0 else -1.0)
        scale = 1.0 / (norm * (norm + abs(v[j]))) if norm > 0.0 else 0.0
        v[j] += signs[-1] * norm
        for i in range(j, m):
            dot += v[i] * e[i]
        dot *= scale
        for i in range(j, m):
            e[i] -= dot * v[i]
    return [e[j] * -signs[j] for j in range(k)] if tall else [x * -signs[0] for x in e]


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 5), (9, 8), (70, 70), (64, 67), (131, 66), (66, 131)])
def test_bits_are_those_of_the_definition(shape):
    q = rows(shape)
    for row in sorted({0, 1, 63, 64, 65, shape[0] // 2, shape[0] - 1} & set(range(shape[0]))):
        assert q[row].tolist() == by_definition(shape, row), row
