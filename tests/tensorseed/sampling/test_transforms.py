"""Polynomials of the transforms against 40-digit arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from numba import njit

from tensorseed.sampling import (
    overloads,  # noqa: F401, without which nothing compiles
    transforms32,
    transforms64,
)
from tensorseed.sampling.distributions import TruncNormal
from tensorseed.sampling.dtypes import DTYPES

mp.mp.dps = 40
RANDOM = np.random.default_rng(7)


@njit
def minus_two_log32(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = transforms32.minus_two_log(x[i])
    return out


@njit
def minus_two_log64(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = transforms64.minus_two_log(x[i])
    return out


@njit
def quantile32(p, mass, minus_log_mass):
    out = np.empty_like(p)
    for i in range(p.size):
        out[i] = transforms32.upper_quantile32(p[i], mass, minus_log_mass)
    return out


@njit
def near_trunc_normal32(words, numbers):
    mean, std, low, high, step, middle = numbers
    out = np.empty(words.size, np.float32)
    for i in range(words.size):
        out[i] = transforms32.near_trunc_normal32(words[i], mean, std, low, high, step, middle)
    return out


@njit
def quantile64(p, mass, minus_log_mass):
    out = np.empty_like(p)
    for i in range(p.size):
        out[i] = transforms64.upper_quantile64(p[i], mass, minus_log_mass)
    return out


@njit
def normal32(radius_words, angle_words, mean, std):
    out = np.empty((radius_words.size, 2), np.float32)
    for i in range(radius_words.size):
        out[i, 0], out[i, 1] = transforms32.normal32(radius_words[i], angle_words[i], mean, std)
    return out


@njit
def normal64(words, mean, std):
    out = np.empty((words.shape[0], 2), np.float64)
    for i in range(words.shape[0]):
        out[i, 0], out[i, 1] = transforms64.normal64(
            words[i, 0], words[i, 1], words[i, 2], words[i, 3], mean, std
        )
    return out


@pytest.mark.parametrize(
    ("log", "real", "bound"),
    [(minus_two_log32, np.float32, 2.0**-22), (minus_two_log64, np.float64, 2.0**-51)],
)
def test_log_is_accurate_on_the_whole_range_of_the_draws(log, real, bound):
    smallest = 2.0**-33 if real is np.float32 else 2.0**-54
    spread = smallest ** RANDOM.random(400)
    x = np.concatenate([spread, 1 - spread, [smallest, 0.5, 1.0]]).astype(real)
    x = x[x > 0]
    exact = [-2 * mp.log(mp.mpf(float(v))) for v in x]
    worst = max(abs(float(y) - e) / max(e, mp.mpf(10) ** -30) for y, e in zip(log(x), exact, strict=True))
    assert worst < bound
    assert log(np.ones(1, real))[0] == 0


def _upper_quantile(p: float, tail: mp.mpf) -> mp.mpf:
    q = mp.mpf(p) * tail
    start = mp.sqrt(max(-2 * mp.log(q) - mp.log(2 * mp.pi), mp.mpf("0.01")))
    if q > mp.mpf("0.01"):
        return mp.sqrt(2) * mp.erfinv(1 - 2 * q)
    return mp.findroot(lambda z: mp.log(mp.erfc(z / mp.sqrt(2)) / 2) - mp.log(q), start)


@pytest.mark.parametrize(
    ("quantile", "real", "bound"), [(quantile32, np.float32, 2e-6), (quantile64, np.float64, 4e-15)]
)
@pytest.mark.parametrize("start", ["0.0", "1.3", "4", "20", "36.9"])
def test_quantile_is_accurate_in_the_centre_and_in_every_tail(quantile, real, bound, start):
    tail = mp.erfc(mp.mpf(start) / mp.sqrt(2)) / 2
    p = np.concatenate([2.0 ** (-32 * RANDOM.random(60)), RANDOM.random(60)]).astype(real)
    got = quantile(p, real(tail), real(-mp.log(tail)))
    for value, z in zip(p, got, strict=True):
        exact = _upper_quantile(float(value), tail)
        assert abs(z - exact) <= bound * max(1, exact), (value, z, exact)


@pytest.mark.parametrize(("low", "high"), [(-2, 2), (-0.75, 1.75), (0, 2.015625), (-1e-4, 0), (-1e-6, 2)])
def test_near_trunc_normal32_inverts_its_word(low, high):
    words = RANDOM.integers(0, 2**32, 400, dtype=np.uint32)
    words[:4] = [0, 2**31 - 1, 2**31, 2**32 - 1]
    name, numbers = TruncNormal(0.0, 1.0, low, high).formula(DTYPES["float32"])
    assert name == "near_trunc_normal32"
    for word, z in zip(words.tolist(), near_trunc_normal32(words, numbers), strict=True):
        share = ((word ^ 0x80000000) + mp.mpf(0.5)) / 2**32
        d = share * (mp.ncdf(high) - 0.5) + (1 - share) * (mp.ncdf(low) - 0.5)
        exact = mp.sqrt(2) * mp.erfinv(2 * d)
        assert abs(z - exact) <= 7e-7 * max(1, abs(exact)), (word, z, exact)


def test_normal32_is_box_muller_of_its_words():
    words = RANDOM.integers(0, 2**32, (300, 2), dtype=np.uint32)
    words[:4] = [[0, 0], [2**32 - 1, 2**32 - 1], [0, 2**32 - 1], [2**31, 2**29]]
    got = normal32(words[:, 0].copy(), words[:, 1].copy(), np.float32(0), np.float32(1))
    for (w0, w1), pair in zip(words.tolist(), got, strict=True):
        radius = mp.sqrt(-2 * mp.log((mp.mpf(w0) + 0.5) / 2**32))
        angle = mp.pi / 4 * ((w1 & 0x1FFFFFFF) + mp.mpf(0.5)) / 2**29
        exact = [mp.cos(angle), mp.sin(angle)]
        if w1 & 2**29:
            exact.reverse()
        signs = [-1 if w1 & 2**31 else 1, -1 if w1 & 2**30 else 1]
        for z, e, sign in zip(pair, exact, signs, strict=True):
            # 1 − u is known to 2⁻²⁵ only, which matters where the radius is near zero
            assert abs(z - sign * radius * e) <= 1e-6 * abs(radius * e) + 2.0**-24 / max(radius, 2.0**-12)


def test_normal64_is_box_muller_of_its_words():
    words = RANDOM.integers(0, 2**32, (200, 4), dtype=np.uint32)
    words[:3] = [[0, 0, 0, 0], [2**32 - 1] * 4, [0, 0, 2**29, 0]]
    got = normal64(words, 0.0, 1.0)
    for row, pair in zip(words.tolist(), got, strict=True):
        radius = mp.sqrt(-2 * mp.log((mp.mpf((row[0] << 21) | (row[1] >> 11)) + 0.5) / 2**53))
        place = ((row[2] & 0x1FFFFFFF) << 24) | (row[3] >> 8)
        angle = mp.pi / 4 * (place + mp.mpf(0.5)) / 2**53
        exact = [mp.cos(angle), mp.sin(angle)]
        if row[2] & 2**29:
            exact.reverse()
        signs = [-1 if row[2] & 2**31 else 1, -1 if row[2] & 2**30 else 1]
        for z, e, sign in zip(pair, exact, signs, strict=True):
            assert abs(z - sign * radius * e) <= 4e-15 * abs(radius * e) + 2.0**-53 / max(radius, 2.0**-26)


def test_the_farthest_normals_are_where_the_docs_say():
    top = normal32(np.zeros(1, np.uint32), np.zeros(1, np.uint32), np.float32(0), np.float32(1)).max()
    assert top == pytest.approx(float(mp.sqrt(66 * mp.log(2))), rel=1e-6)
    top = normal64(np.zeros((1, 4), np.uint32), 0.0, 1.0).max()
    assert top == pytest.approx(float(mp.sqrt(108 * mp.log(2))), rel=1e-14)
