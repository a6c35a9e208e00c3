"""Orthogonal matrices: orthonormal, Haar-distributed, parts as whole."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tensorseed.sampling.distributions import Axis, KernelCentre, Orthogonal, Sparse
from tensorseed.sampling.distributions.orthogonal import is_thin, orthogonal_elements, preparation_cost
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.machine_code.kernel import Kernel
from tensorseed.sampling.philox import stream_key
from tests.serving import ROOT
from tests.tensorseed.draws import bits, numbers
from tests.tensorseed.sampling.compilers import use_machine_code

SQUARISH = [(1, 1), (2, 2), (40, 40), (40, 31), (31, 40), (90, 50)]
THIN = [(2, 1), (1, 7), (7, 1), (90, 31), (31, 90), (300, 17), (5, 1000), (1100, 140), (140, 1100)]
SHAPES = [*SQUARISH, *THIN]
FLOAT32, FLOAT64 = DTYPES["float32"], DTYPES["float64"]


def elements(shape: tuple[int, int], chosen: np.ndarray, name: str = "w") -> np.ndarray:
    return orthogonal_elements(stream_key(1, name), shape, chosen)


def whole(shape: tuple[int, int], name: str = "w") -> np.ndarray:
    return elements(shape, np.arange(shape[0] * shape[1]), name).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_thin_is_a_matter_of_the_shape(shape):
    assert is_thin(shape) == (shape in THIN)


def test_a_shorter_side_above_4096_is_not_thin():
    assert is_thin((8192, 4096))
    assert not is_thin((4097, 1 << 20))


def test_the_preparation_counts_a_multiplication_for_every_pair_of_columns():
    assert preparation_cost((1 << 20, 512)) == preparation_cost((512, 1 << 20)) == 1 << 38
    assert preparation_cost((1 << 20, 3)) == 1 << 30


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shorter_side_is_orthonormal(shape):
    q = whole(shape)
    gram = q.T @ q if shape[0] >= shape[1] else q @ q.T
    assert np.abs(gram - np.eye(min(shape))).max() < 1e-13


@pytest.mark.slow
def test_float32_is_orthonormal_to_one_in_a_million_at_2048():
    q = numbers(Orthogonal(2048, 2048, 1.0), FLOAT32, 2048 * 2048).reshape(2048, 2048)
    assert np.abs(q.T @ q - np.eye(2048)).max() < 1e-6
    assert abs(q.mean()) < 4 / 2048 / np.sqrt(2048)
    assert stats.kstest(q.ravel()[::41] * np.sqrt(2048), "norm").pvalue > 1e-3


@pytest.mark.parametrize("shape", SHAPES)
def test_a_wide_thin_matrix_is_the_transpose_of_the_tall_one(shape):
    if is_thin(shape):
        assert np.array_equal(whole(shape), whole(shape[::-1]).T)


@given(st.data())
def test_any_elements_in_any_order_are_part_of_the_whole(data):
    shape = data.draw(st.sampled_from([(70, 50), (50, 70), (301, 20), (20, 301), (9, 1), (4, 130)]))
    size = shape[0] * shape[1]
    expected = whole(shape)
    start = data.draw(st.integers(0, size))
    stop = data.draw(st.integers(start, size))
    assert np.array_equal(elements(shape, np.arange(start, stop)), expected.ravel()[start:stop])
    by_columns = np.arange(size).reshape(shape).T.ravel()[start:stop]
    assert np.array_equal(elements(shape, by_columns), expected.T.ravel()[start:stop])
    chosen = np.array(data.draw(st.lists(st.integers(0, size - 1), max_size=60)), np.int64)
    assert np.array_equal(elements(shape, chosen), expected.ravel()[chosen])


@pytest.mark.parametrize("shape", [(3000, 40), (40, 3000), (1, 70_000), (70_000, 1), (5000, 700)])
def test_a_chunk_is_the_same_however_many_rows_go_side_by_side(shape):
    size = shape[0] * shape[1]
    at = np.random.default_rng(5).integers(0, size, 40)
    expected = elements(shape, at)
    for place, value in zip(at, expected, strict=True):
        start, stop = max(place - 3333, 0), min(place + 3333, size)
        assert elements(shape, np.arange(start, stop))[place - start] == value


def test_few_elements_of_many_rows_are_those_of_the_matrix():
    """Of a small matrix that is not thin the whole is computed, once; the bits are the same."""
    shape = (60, 50)
    column = np.arange(60) * 50 + 7
    assert np.array_equal(elements(shape, column), whole(shape)[:, 7])
    assert np.array_equal(elements(shape, column), elements(shape, column))


@pytest.mark.parametrize(("outputs", "inputs"), [(30, 7), (30, 21), (21, 21)])
def test_a_centred_kernel_is_the_same_in_every_layout(outputs, inputs):
    base = Orthogonal(outputs, inputs, 2.0)
    torchs = KernelCentre(base, (Axis(3 * inputs, outputs), Axis(3, inputs)), (Axis(1, 3),), (1,))
    jaxs = KernelCentre(base, (Axis(1, outputs), Axis(outputs, inputs)), (Axis(inputs * outputs, 3),), (1,))
    count = 3 * outputs * inputs
    kernel = bits(torchs, FLOAT64, count).reshape(outputs, inputs, 3)
    other = bits(jaxs, FLOAT64, count).reshape(3, inputs, outputs)
    assert np.array_equal(kernel.transpose(2, 1, 0), other)
    assert np.array_equal(kernel[:, :, 1], bits(base, FLOAT64, outputs * inputs).reshape(outputs, inputs))
    assert not kernel[:, :, 0].any()
    assert np.array_equal(
        bits(jaxs, FLOAT64, 50, first=count // 3 + 11), other.ravel()[count // 3 + 11 :][:50]
    )


@pytest.mark.parametrize("shape", [(130, 130), (700, 24), (24, 700)])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_change_nothing(threads, shape):
    rows, columns = shape
    what, size = Orthogonal(rows, columns, 1.5), rows * columns
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(lambda i: bits(what, FLOAT32, min(1300, size - i), first=i), range(0, size, 1300))
        assert np.array_equal(np.concatenate(list(parts)), bits(what, FLOAT32, size))


def hex_of_draws() -> list[str]:
    """The bytes of draws of every way, by this process's code."""
    thin = Orthogonal(300, 70, 1.0), Orthogonal(37, 140, 1.0)
    drawn = (Orthogonal(90, 70, 1.0), Orthogonal(60, 99, 1.0), *thin, Sparse(70, 90, 20, 1.0))
    return [bits(what, DTYPES["float64"], 5000).tobytes().hex() for what in drawn]


def test_generic_and_native_code_give_the_same_bits():
    program = f"from {__name__} import hex_of_draws; print(*hex_of_draws(), sep='\\n')"
    generic = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CPU_NAME": "generic"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert len(generic) > 5 * 80_000
    assert generic.split() == hex_of_draws()


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


@pytest.mark.parametrize(("m", "k"), [(6, 3), (9, 2)])
def test_thin_entries_have_the_law_of_a_column_on_the_sphere(m, k):
    """An entry's square is Beta(½, ½(m−1)) and its sign is even, also where a pivot or its reflector's row
    takes part; entries of one row or one column are uncorrelated.
    """
    count = 3000
    draws = np.array([whole((m, k), f"w{i}") for i in range(count)])
    for i in range(m):
        for c in range(k):
            assert stats.kstest(draws[:, i, c] ** 2, stats.beta(0.5, (m - 1) / 2).cdf).pvalue > 1e-4
            assert abs((draws[:, i, c] > 0).mean() - 0.5) < 4.5 * 0.5 / np.sqrt(count)
    flat = draws.reshape(count, m * k) * np.sqrt(m)
    assert np.abs(np.cov(flat.T) - np.eye(m * k)).max() < 6 / np.sqrt(count)


@pytest.mark.parametrize("shape", [(20_000, 64), (64, 20_000)])
def test_thin_matrices_are_orthonormal_and_their_entries_nearly_normal(shape):
    rows, columns = shape
    q = numbers(Orthogonal(rows, columns, 1.0), FLOAT32, rows * columns).reshape(shape)
    q = q if rows > columns else q.T
    assert np.abs(q.T @ q - np.eye(64)).max() < 1e-6
    assert stats.kstest(q.ravel()[::41] * np.sqrt(20_000), "norm").pvalue > 1e-3
    assert stats.kstest(q.ravel()[::37] ** 2, stats.beta(0.5, 19_999 / 2).cdf).pvalue > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("m", "k"), [(1 << 20, 16), (20_000, 512)])
def test_large_thin_matrices_are_orthonormal(m, k):
    gram = np.zeros((k, k))
    for first in range(0, m, 8192):
        count = min(8192, m - first)
        q = elements((m, k), np.arange(first * k, (first + count) * k)).reshape(count, k)
        gram += q.T @ q
    assert np.abs(gram - np.eye(k)).max() < 1e-12


def test_a_chunk_of_a_row_of_sixteen_million_takes_little_memory():
    shape = (2, 1 << 24)
    elements(shape, np.arange(1))
    tracemalloc.start()
    try:
        elements(shape, np.arange(1 << 20, (1 << 20) + (1 << 18)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 32 << 20


def test_machine_code_serves_every_request(monkeypatch):
    """One set of types a loop, so that what is loaded at the start is all."""
    use_machine_code()
    monkeypatch.setattr(Kernel, "dispatcher", None)
    for shape in SHAPES:
        whole(shape)
        elements(shape, np.arange(shape[0]) * shape[1])


def test_gain_scales_and_dtypes_round():
    double = numbers(Orthogonal(20, 30, 2.5), FLOAT64, 600)
    assert np.allclose((double.reshape(20, 30) @ double.reshape(20, 30).T), 6.25 * np.eye(20))
    single = numbers(Orthogonal(20, 30, 2.5), FLOAT32, 600)
    assert np.array_equal(single, double.astype(np.float32).astype(np.float64))
