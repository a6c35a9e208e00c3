"""Compact WY form against the stream's page and the reflections."""

from __future__ import annotations

import math
from functools import lru_cache, partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.sampling.compact_wy import CompactWY, prepare
from tensorseed.sampling.distributions import Normal
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.philox import stream_key
from tests.tensorseed.draws import numbers

SHAPES = [(1, 1), (2, 1), (9, 4), (40, 7), (64, 32), (301, 33), (1100, 50)]
KEY = stream_key(1, "w")


def gaussians(m: int, k: int) -> np.ndarray:
    """As many normals of the stream as the padded matrix has."""
    width = 4 * math.ceil(k / 4)
    return numbers(Normal(0, 1), DTYPES["float64"], m * width, name="w", seed=1).reshape(m, width)[:, :k]


prepared = lru_cache(partial(prepare, KEY))


def columns(form: CompactWY, m: int, k: int) -> np.ndarray:
    """Q, from the sums."""
    sums = form.products(np.arange(m), 0, k)[:k].T
    return (sums - np.eye(m, k)) * form.signs[:k]


def by_the_page(m: int, k: int) -> np.ndarray:
    """Section 9 of the stream's page, word for word, number by number."""
    g = gaussians(m, k).tolist()

    def gram(q: int, p: int) -> float:
        total = 0.0
        for i in range(p + 1, m):
            total = total + g[i][q] * g[i][p]
        return total

    v, s, t = [row[:] for row in g], [1.0] * k, [0.0] * k
    for p in range(k):
        norm = math.sqrt(gram(p, p) + g[p][p] * g[p][p])
        s[p] = 1.0 if g[p][p] >= 0 else -1.0
        v[p][p] = g[p][p] + s[p] * norm
        t[p] = 1.0 / (norm * (norm + abs(g[p][p])))
    sums = [[gram(q, p) + g[p][q] * v[p][p] if q < p else 0.0 for p in range(k)] for q in range(k)]
    result = np.empty((m, k))
    for c in range(k):
        w = [*g[c][:c], v[c][c]]
        for p in range(c, -1, -1):
            w[p] = w[p] * t[p]
            for q in range(p):
                w[q] = w[q] - sums[q][p] * w[p]
        for i in range(m):
            total = 0.0
            for p in range(min(i, c) + 1):
                total = total + v[i][p] * w[p]
            result[i, c] = (total - (1.0 if i == c else 0.0)) * s[c]
    return result


@pytest.mark.parametrize(("m", "k"), SHAPES)
def test_it_is_the_page_bit_for_bit(m, k):
    assert np.array_equal(columns(prepare(KEY, m, k), m, k), by_the_page(m, k))


@pytest.mark.parametrize(("m", "k"), [*SHAPES, (2000, 700), (5000, 130)])
def test_it_is_the_product_of_the_reflections_one_by_one(m, k):
    g, q, signs = gaussians(m, k), np.eye(m, k), []
    reflectors = []
    for j in range(k):
        v = np.zeros(m)
        v[j:] = g[j:, j]
        sign = 1.0 if v[j] >= 0 else -1.0
        v[j] += sign * np.linalg.norm(v)
        reflectors.append(v / np.linalg.norm(v))
        signs.append(-sign)
    for v in reversed(reflectors):
        q -= 2 * np.outer(v, v @ q)
    assert np.abs(columns(prepare(KEY, m, k), m, k) - q * signs).max() < 1e-13


@given(st.data())
def test_any_rows_and_columns_are_part_of_the_whole(data):
    m, k = 900, 150
    form = prepared(m, k)
    whole = form.products(np.arange(m), 0, k)
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, m - 1), min_size=1, max_size=300))))
    start = data.draw(st.integers(0, k - 1))
    stop = data.draw(st.integers(start + 1, k))
    first = start // 4 * 4
    part = form.products(rows, start, stop)
    assert np.array_equal(part[: stop - first], whole[first:stop, rows])


def test_it_holds_little_more_than_half_of_a_square_matrix():
    assert prepare(KEY, 512, 256).nbytes < 4 * 256 * 256 + 64 * 256
