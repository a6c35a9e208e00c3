"""Orthogonal matrices: orthonormal, Haar-distributed, and each row the same alone, in company and in
any code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import stats

from service.core.distributions import Orthogonal
from service.core.dtypes import DTYPES
from service.core.orthogonal import orthogonal_elements, orthogonal_rows
from service.core.philox import stream_key
from tests.core.draws import bits, numbers

SHAPES = [(1, 1), (1, 7), (7, 1), (2, 2), (40, 40), (90, 31), (31, 90), (300, 17), (5, 1000)]


def whole(shape: tuple[int, int], name: str = "w") -> np.ndarray:
    return orthogonal_rows(stream_key(1, name), shape, np.arange(shape[0]))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shorter_side_is_orthonormal(shape):
    q = whole(shape)
    gram = q.T @ q if shape[0] >= shape[1] else q @ q.T
    assert np.abs(gram - np.eye(min(shape))).max() < 1e-13


@pytest.mark.slow
def test_float32_is_orthonormal_to_one_in_a_million_at_2048():
    q = numbers(Orthogonal(2048, 2048, 1.0), DTYPES["float32"], 2048 * 2048).reshape(2048, 2048)
    assert np.abs(q.T @ q - np.eye(2048)).max() < 1e-6
    assert abs(q.mean()) < 4 / 2048 / np.sqrt(2048)
    assert stats.kstest(q.ravel()[::41] * np.sqrt(2048), "norm").pvalue > 1e-3


def test_it_is_the_q_of_the_gaussian_matrix_with_a_positive_diagonal():
    """What the definition says, by LAPACK: the same Gaussians, QR, the signs of R's diagonal moved into Q.

    Only the elements on and below the diagonal of the Gaussian matrix are drawn; those above come from R, so
    the check is that Qᵀ·(first column) is ‖g₀‖·e₁ and so on, by rebuilding the columns one by one.
    """
    from service.core.distributions import Normal

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
    assert np.allclose(whole((m, k)), q[:, :k] * signs, atol=1e-14)
    assert np.allclose(whole((k, m)), (q[:, :k] * signs).T, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_is_the_same_alone_and_in_any_company(shape):
    q, key = whole(shape), stream_key(1, "w")
    rows = np.array([0, shape[0] - 1, shape[0] // 2])
    assert np.array_equal(orthogonal_rows(key, shape, rows), q[rows])
    for row in rows:
        assert np.array_equal(orthogonal_rows(key, shape, np.array([row]))[0], q[row])


def test_any_elements_in_any_order():
    shape = (70, 50)
    chosen = np.random.default_rng(3).integers(0, 3500, 200)
    assert np.array_equal(
        orthogonal_elements(stream_key(1, "w"), shape, chosen), whole(shape).ravel()[chosen]
    )


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_change_nothing(threads):
    what = Orthogonal(130, 130, 1.5)
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(lambda i: bits(what, DTYPES["float32"], 1300, first=i), range(0, 16_900, 1300))
        assert np.array_equal(np.concatenate(list(parts)), bits(what, DTYPES["float32"], 16_900))


def test_generic_and_native_code_give_the_same_bits():
    program = (
        "from tests.core.draws import bits\n"
        "from service.core.distributions import Orthogonal, Sparse\n"
        "from service.core.dtypes import DTYPES\n"
        "for what in (Orthogonal(90, 70, 1.0), Orthogonal(60, 99, 1.0), Sparse(70, 90, 20, 1.0)):\n"
        "    print(bits(what, DTYPES['float64'], 5000).tobytes().hex())\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **extra},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for extra in ({"NUMBA_CPU_NAME": "generic"}, {})
    ]
    assert len(printed[0]) > 3 * 80_000
    assert printed[0] == printed[1]


def test_haar_determinants_traces_and_entries():
    """Over O(n): the determinant is ±1 with equal chance; E tr Q = 0, E (tr Q)² = 1; an entry's square is
    Beta(½, ½(n−1)).
    """
    n, count = 4, 4000
    draws = np.array([whole((n, n), f"w{i}") for i in range(count)])
    determinants = np.linalg.det(draws)
    assert np.allclose(np.abs(determinants), 1)
    assert abs((determinants > 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(count)
    traces = np.trace(draws, axis1=1, axis2=2)
    assert abs(traces.mean()) < 4 / np.sqrt(count)
    assert abs((traces**2).mean() - 1) < 4 * np.sqrt(2 / count)
    for i, j in [(0, 0), (0, 3), (3, 0), (3, 3), (1, 2)]:
        assert stats.kstest(draws[:, i, j] ** 2, stats.beta(0.5, (n - 1) / 2).cdf).pvalue > 1e-4
        assert abs((draws[:, i, j] > 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(count)


def test_gain_scales_and_dtypes_round():
    double = numbers(Orthogonal(20, 30, 2.5), DTYPES["float64"], 600)
    assert np.allclose((double.reshape(20, 30) @ double.reshape(20, 30).T), 6.25 * np.eye(20))
    single = numbers(Orthogonal(20, 30, 2.5), DTYPES["float32"], 600)
    assert np.array_equal(single, double.astype(np.float32).astype(np.float64))
