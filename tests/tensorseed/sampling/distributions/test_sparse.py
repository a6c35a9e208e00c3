"""Zeros of sparse columns: their number, and uniform places."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from tensorseed.sampling.distributions import Normal, Sparse
from tensorseed.sampling.distributions.sparse import kept_elements, kept_range
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.philox import Stream
from tests.tensorseed.draws import bits

KEY = Stream(5, "w").key("permutation")


def zeros_of(rows: int, columns: int, zeros: int) -> np.ndarray:
    return kept_range(Sparse(rows, columns, zeros, 1.0), KEY, 0, rows * columns).reshape(rows, columns) == 0


@pytest.mark.parametrize(
    ("rows", "columns", "zeros"),
    [(1, 5, 0), (1, 5, 1), (2, 9, 1), (7, 600, 3), (100, 1100, 33), (999, 3, 999), (3000, 2, 1)],
)
def test_every_column_has_exactly_its_zeros(rows, columns, zeros):
    assert set(zeros_of(rows, columns, zeros).sum(0)) == {zeros}


def test_the_range_and_the_selection_agree_wherever_they_begin():
    rows, columns, zeros = 37, 530, 11
    flat = ~zeros_of(rows, columns, zeros).ravel()
    what = Sparse(rows, columns, zeros, 1.0)
    for first, count in [(0, 1), (529, 3), (530, 530), (17, 5000), (10_000, 9_610), (600, 0)]:
        assert np.array_equal(kept_range(what, KEY, first, count), flat[first : first + count])
    chosen = np.random.default_rng(1).integers(0, flat.size, 500)
    keep = np.empty(500, np.uint8)
    kept_elements(keep, chosen, columns, rows, zeros, KEY.words())
    assert np.array_equal(keep, flat[chosen])


@pytest.mark.parametrize(("rows", "zeros"), [(4, 2), (5, 2), (6, 3), (7, 1)])
def test_every_subset_of_rows_is_equally_likely(rows, zeros):
    columns = 40_000
    drawn = zeros_of(rows, columns, zeros)
    codes = (drawn * (1 << np.arange(rows))[:, None]).sum(0)
    subsets = [sum(1 << i for i in s) for s in itertools.combinations(range(rows), zeros)]
    counts = [(codes == subset).sum() for subset in subsets]
    assert sum(counts) == columns
    assert stats.chisquare(counts).pvalue > 1e-3


def test_rows_and_pairs_of_rows_in_a_long_column():
    rows, columns, zeros = 64, 30_000, 16
    drawn = zeros_of(rows, columns, zeros).astype(float)
    share = zeros / rows
    assert np.abs(drawn.mean(1) - share).max() < 4.5 * np.sqrt(share * (1 - share) / columns)
    joint = drawn @ drawn.T / columns
    pair = share * (zeros - 1) / (rows - 1)
    off = joint[~np.eye(rows, dtype=bool)]
    assert np.abs(off - pair).max() < 5 * np.sqrt(pair * (1 - pair) / columns)


def test_neighbouring_columns_are_independent():
    drawn = zeros_of(200, 2000, 60).astype(float)
    correlation = np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]
    assert abs(correlation) < 4.5 / np.sqrt(drawn.size)


@pytest.mark.parametrize("dtype", [d for d in DTYPES.values() if d.mantissa_bits], ids=lambda d: d.name)
def test_what_is_kept_is_the_normal_and_what_is_not_is_positive_zero(dtype):
    sparse = bits(Sparse(30, 40, 9, 0.5), dtype, 1200)
    normal = bits(Normal(0.0, 0.5), dtype, 1200)
    keep = kept_range(Sparse(30, 40, 9, 0.5), Stream(42, "weight").key("permutation"), 0, 1200).astype(bool)
    assert np.array_equal(sparse[keep], normal[keep])
    assert not sparse[~keep].view(np.uint8).any()
