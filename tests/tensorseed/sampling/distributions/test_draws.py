"""Draws against their distributions: bounds, moments, fit, tails.

Everything here is deterministic: the seeds are fixed, and each bound is one that a true sample passes with
a probability of at least 0.999.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from tensorseed.sampling.distributions import Normal, TruncNormal, Uniform
from tensorseed.sampling.dtypes import DTYPES
from tests.tensorseed.draws import FLOATS, bits, numbers

FLOAT32, FLOAT64 = DTYPES["float32"], DTYPES["float64"]
MANY = 100_000_000
BATCH = 4_000_000
BINS = 1 << 16
CRITICAL = 1.95  # of √n·D, Kolmogorov's distribution at 0.999


class Sample:
    """Moments, extremes and a histogram over the probability scale, gathered batch by batch."""

    def __init__(self, what, dtype, count, to_probability, **options):
        self.count = count
        sums = np.zeros(4)
        self.histogram = np.zeros(BINS, np.int64)
        self.low, self.high, self.beyond = math.inf, -math.inf, np.zeros(8, np.int64)
        for first in range(0, count, BATCH):
            x = bits(what, dtype, min(BATCH, count - first), first=first, **options)
            wide = x.astype(np.float64)
            square = wide * wide
            sums += [wide.sum(), square.sum(), (square * wide).sum(), (square * square).sum()]
            self.histogram += np.bincount(
                np.minimum((to_probability(x) * BINS).astype(np.int32), BINS - 1), minlength=BINS
            )
            self.low, self.high = min(self.low, x.min()), max(self.high, x.max())
            far = np.abs(x[np.abs(x) > 3]) if isinstance(what, Normal) else x[:0]
            self.beyond += [(far > k).sum() for k in range(8)]
        self.moments = sums / count

    @property
    def distance(self):
        """√n·D on the bins' edges, which is at most the true one."""
        empirical = np.cumsum(self.histogram) / self.count
        return math.sqrt(self.count) * np.abs(empirical - np.arange(1, BINS + 1) / BINS).max()


def within(value, expected, variance, count, sigmas=4.0):
    return abs(value - expected) < sigmas * math.sqrt(variance / count)


@pytest.mark.slow
def test_normal_at_a_hundred_million_draws():
    sample = Sample(Normal(0, 1), FLOAT32, MANY, special.ndtr)
    assert sample.distance < CRITICAL
    # the k-th moment of a standard normal and the variance of its estimate
    for k, (expected, variance) in enumerate([(0, 1), (1, 2), (0, 15), (3, 96)]):
        assert within(sample.moments[k], expected, variance, MANY)
    for sigma in (4, 5):
        expected = 2 * MANY * stats.norm.sf(sigma)
        assert abs(sample.beyond[sigma] - expected) < 4 * math.sqrt(expected)
    assert 5.2 < sample.high < 6.77
    assert -6.77 < sample.low < -5.2


@pytest.mark.slow
def test_uniform_at_a_hundred_million_draws():
    sample = Sample(Uniform(0, 1), FLOAT32, MANY, lambda x: x)
    assert sample.distance < CRITICAL
    for k, (expected, square) in enumerate([(1 / 2, 1 / 3), (1 / 3, 1 / 5), (1 / 4, 1 / 7), (1 / 5, 1 / 9)]):
        assert within(sample.moments[k], expected, square - expected**2, MANY)
    assert 0 <= sample.low < 1e-6
    assert 1 - 1e-6 < sample.high < 1


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=lambda d: d.name)
@pytest.mark.parametrize(
    ("mean", "std", "low", "high"),
    [
        (0, 1, -2, 2),
        (0.5, 2, -1, 4),
        (1, 0.5, 1, 2),
        (0, 1, -2.1, 2.1),
        (0, 0.02, -2, 2),
        (0.5, 2, -1, 7.5),
        (0, 1, 3, 5),
        (0, 1, -9, -6),
        (0, 1, -21, -20),
    ],
)
def test_trunc_normal_follows_its_distribution(mean, std, low, high, dtype):
    count = 2_000_000
    truth = stats.truncnorm((low - mean) / std, (high - mean) / std, mean, std)
    edges = truth.ppf(np.arange(1, BINS) / BINS)  # of the bins: scipy's cdf of each draw takes seconds

    def to_probability(x):
        return np.searchsorted(edges, x, side="right") / BINS

    sample = Sample(TruncNormal(mean, std, low, high), dtype, count, to_probability)
    assert sample.distance < CRITICAL
    assert low <= sample.low <= sample.high <= high
    assert within(sample.moments[0], truth.mean(), truth.var(), count)


@pytest.mark.parametrize("what", [Uniform(-1, 3), Normal(0, 1)], ids=str)
def test_float64_draws_follow_their_distribution(what):
    count = 4_000_000
    to_probability = special.ndtr if isinstance(what, Normal) else lambda x: (x + 1) / 4
    assert Sample(what, FLOAT64, count, to_probability).distance < CRITICAL


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
def test_trunc_normal_never_leaves_its_bounds_in_any_dtype(dtype):
    for low, high in [(-2.0, 2.0), (0.1, 0.3), (-0.3, 0.1), (2.0, 2.5), (-1.1, 30.0)]:
        drawn = numbers(TruncNormal(0.0, 1.0, low, high), dtype, 100_000)
        assert low <= drawn.min()
        assert drawn.max() <= high


@pytest.mark.parametrize("what", [Uniform(-1, 1), Normal(0, 1), TruncNormal(0, 1, -2, 2)], ids=str)
def test_tensors_seeds_and_neighbours_are_uncorrelated(what):
    count = 1_000_000
    base = numbers(what, FLOAT32, count)
    others = [numbers(what, FLOAT32, count, seed=seed) for seed in (0, 41, 43, 42 + 2**32, 2**64 - 1)]
    others += [
        numbers(what, FLOAT32, count, name=name) for name in ("weight1", "weighu", "bias", "Weight", "")
    ]
    others += [np.roll(base, lag) for lag in (1, 2, 3, 4, 5, 8, 256, 784)]
    for other in others:
        for f in (lambda x: x, np.abs):
            assert abs(np.corrcoef(f(base), f(other))[0, 1]) < 4.5 / math.sqrt(count)
        assert not np.array_equal(base, other)


def test_the_two_normals_of_a_pair_are_independent():
    pairs = numbers(Normal(0, 1), FLOAT32, 4_000_000).reshape(-1, 2)
    squares = (pairs**2).sum(1)
    angles = np.arctan2(pairs[:, 1], pairs[:, 0])
    assert stats.kstest(squares[:1_000_000], stats.chi2(2).cdf).pvalue > 1e-3
    assert stats.kstest(angles[:1_000_000], stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(squares, angles)[0, 1]) < 4.5 / math.sqrt(len(pairs))


@pytest.mark.parametrize(("dtype", "reaches"), [("float64", False), ("float32", False), ("bfloat16", True)])
def test_only_a_dtype_below_float32_rounds_a_uniform_to_its_upper_bound(dtype: str, reaches: bool) -> None:
    assert (numbers(Uniform(0, 1), DTYPES[dtype], 20_000).max() == 1.0) == reaches


@pytest.mark.parametrize(
    ("what", "mean", "std"),
    [
        (Uniform(-8e307, 8e307), 0.0, 8e307 / math.sqrt(3)),
        (Uniform(1e-300, 3e-300), 2e-300, 1e-300 / math.sqrt(3)),
        (Normal(1.0, 1e200), 1.0, 1e200),
        (Normal(0.0, 1e-200), 0.0, 1e-200),
    ],
)
def test_deviations_whose_square_is_no_float64(what, mean, std):
    assert what.moments((4,)) == pytest.approx((mean, std))
    assert what.magnitudes((4,)).std == pytest.approx(std)
    assert what.moments((0,)) is None
