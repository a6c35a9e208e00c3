"""The numbers of a truncated normal, and which ones cannot be drawn."""

from __future__ import annotations

from decimal import Decimal

import mpmath as mp
import pytest

from tensorseed.sampling.distributions import Constant, Normal, TruncNormal, Uniform, Values
from tensorseed.sampling.distributions.trunc_normal import near_truncation, truncation, upper_tail
from tensorseed.sampling.distributions.truncated_moments import truncated_moments
from tensorseed.sampling.dtypes import DTYPES, INT64, round_down, round_nearest, round_up
from tests.tensorseed.draws import numbers


@pytest.mark.parametrize("x", ["0", "0.1", "1", "2.99", "3", "3.01", "8", "36.999", "66"])
def test_tails_are_right_to_55_digits(x):
    with mp.workdps(90):
        exact = mp.erfc(mp.mpf(x) / mp.sqrt(2)) / 2
        assert abs(mp.mpf(str(upper_tail(Decimal(x)))) / exact - 1) < mp.mpf(10) ** -55


def test_a_symmetric_interval_is_split_in_the_middle():
    split = truncation(TruncNormal(0, 1, -2, 2), DTYPES["float32"])
    assert split.lower_words == 2**31
    assert split.p_lower == split.p_upper == pytest.approx(0.022750131948, rel=1e-8)
    assert split.mass == 1


@pytest.mark.parametrize("std", [1.0, 0.02, 0.006])
def test_a_symmetric_interval_has_the_mean_of_the_normal(std):
    assert truncated_moments(0.0, std, -2.0, 2.0)[0] == 0
    assert truncated_moments(3.0, std, 1.0, 5.0)[0] == 3


def test_an_interval_near_the_mean_is_one_piece():
    near = near_truncation(TruncNormal(0.5, 2, -1, 4), DTYPES["float32"])
    below, above = (float(mp.ncdf(x)) for x in (-0.75, 1.75))
    assert near.d_step == pytest.approx((above - below) / 2**32, rel=1e-14)
    assert near.d_middle == pytest.approx((above + below - 1) / 2 + near.d_step / 2, rel=1e-14)
    assert (near.low, near.high) == (-1, 4)


@pytest.mark.parametrize(
    ("low", "high", "dtype", "name"),
    [
        (-2.0, 2.0, "float32", "near_trunc_normal32"),
        (-2.0, 2.0, "bfloat16", "near_trunc_normal32"),
        (-2.0, 0.0, "float32", "near_trunc_normal32"),
        (0.0, 2.015625, "float32", "near_trunc_normal32"),
        (-2.03125, 2.0, "float32", "trunc_normal32"),
        (-2.0, 2.03125, "float32", "trunc_normal32"),
        (0.001, 2.0, "float32", "trunc_normal32"),
        (-2.0, -0.001, "float32", "trunc_normal32"),
        (-2.0, 2.0, "float64", "trunc_normal64"),
    ],
)
def test_the_formula_goes_by_the_interval_and_the_draw(low, high, dtype, name):
    assert TruncNormal(0.0, 1.0, low, high).formula(DTYPES[dtype]).transform == name


@pytest.mark.parametrize(
    ("mean", "low", "near"),
    [
        (0.0, -2.015625, True),
        (1e-70, -2.015625, False),
        (-1e-70, -2.015625, True),
        (5e-324, -2.015625, False),
    ],
)
def test_the_boundary_of_near_intervals_is_exact(mean, low, near):
    """α = (low − mean)/std differs from −129/64 by less than 60 digits can hold."""
    normal = TruncNormal(mean, 1.0, low, 2.0)
    assert (near_truncation(normal, DTYPES["float32"]) is not None) == near


@pytest.mark.parametrize(("mean", "refused"), [(0.0, False), (-1e-70, True), (1e-70, False)])
def test_the_boundary_of_37_deviations_is_exact(mean, refused):
    normal = TruncNormal(mean, 1.0, 37.0, 38.0)
    if refused:
        with pytest.raises(ValueError, match="more than 37 standard deviations"):
            normal.check(DTYPES["float64"])
    else:
        normal.check(DTYPES["float64"])


@pytest.mark.parametrize("std", [1e17, 1e40, 1e59, 1e60, 1e300])
def test_an_interval_much_narrower_than_a_deviation_holds_the_mean_alone(std):
    """In float64 every p is ½ there, on whichever side of the threshold."""
    drawn = numbers(TruncNormal(0.25, std, -1.0, 1.0), DTYPES["float64"], 1_000)
    assert set(drawn) == {0.25}


def test_a_one_sided_interval_starts_at_its_own_tail():
    tail = truncation(TruncNormal(0, 1, 20, 21), DTYPES["float32"])
    assert tail.lower_words == 0
    assert tail.mass == pytest.approx(2.7536241186e-89)
    assert tail.p_upper + (2**32 - 1) * tail.p_step == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("what", "dtype", "sentence"),
    [
        (TruncNormal(0, 1, 37.5, 38), "float32", "more than 37 standard deviations"),
        (TruncNormal(0, 1, -39, -38), "float64", "more than 37 standard deviations"),
        (TruncNormal(0, 1, 0.1, 0.1), "float32", "no float32 value lies in"),
        (TruncNormal(0, 1, 1.01, 1.02), "float8_e5m2", "no float8_e5m2 value lies in"),
        (Normal(0, 1e39), "float32", "overflow float32"),
        (Uniform(-1e308, 1e308), "float64", "overflow float64"),
        (Constant(70_000.0), "float16", "beyond float16's largest value"),
        (Values((1.0, 500.0)), "float8_e4m3fn", "beyond float8_e4m3fn's largest value"),
    ],
)
def test_what_a_dtype_cannot_hold_is_refused_with_a_sentence(what, dtype, sentence):
    with pytest.raises(ValueError, match=sentence):
        what.check(DTYPES[dtype])


def test_int64_takes_integers_only():
    Constant(3.0).check(INT64)
    with pytest.raises(ValueError, match="whole numbers"):
        Constant(0.5).check(INT64)


@pytest.mark.parametrize("dtype", [d for d in DTYPES.values() if d.mantissa_bits], ids=lambda d: d.name)
@pytest.mark.parametrize("value", [0.0, 0.1, -0.1, 1.0, 3e-7, -2.9999, 447.9, 1e-45])
def test_directed_roundings_enclose_the_value_tightly(value, dtype):
    low, high = round_down(value, dtype), round_up(value, dtype)
    assert low <= value <= high
    assert round_nearest(value, dtype) in (low, high)
    assert round_down(low, dtype) == low == round_up(low, dtype)
    if low != high:
        assert round_nearest((low + high) / 2, dtype) in (low, high)
        assert round_down((low + high) / 2, dtype) == low


def test_out_of_range_is_infinite():
    float16 = DTYPES["float16"]
    assert round_up(1e6, float16) == float("inf")
    assert round_down(1e6, float16) == 65504.0
    assert round_nearest(65519.9, float16) == 65504.0
    assert round_nearest(65520.0, float16) == float("inf")
