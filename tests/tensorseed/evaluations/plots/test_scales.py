"""Axes: monotonic positions in [0, 1], and ticks at their values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.evaluations.plots.scales import NOT_FINITE, ZERO, loss_scale, signal_scale

signals = st.lists(st.floats(min_value=0) | st.just(math.nan), min_size=1, max_size=8)
losses = st.lists(st.floats(), min_size=1, max_size=8)


@pytest.mark.parametrize("scale", [signal_scale, loss_scale], ids=lambda f: f.__name__)
@given(numbers=signals)
def test_places_lie_on_the_axis_in_order(scale, numbers):
    check(scale, numbers)


@given(numbers=losses)
def test_losses_of_both_signs_too(numbers):
    check(loss_scale, numbers)


def check(scale, numbers):
    axis = scale(numbers)
    found = [axis.place(number) for number in sorted(filter(math.isfinite, numbers))]
    assert all(-1e-6 <= place <= 1 + 1e-6 for place in found)
    assert found == sorted(found)
    assert all(-1e-6 <= place <= 1 + 1e-6 for place, _ in axis.ticks)
    labels = [label for _, label in axis.ticks]
    assert len(labels) == len(set(labels)) <= 16
    assert [place for place, _ in axis.ticks] == sorted(place for place, _ in axis.ticks)


@pytest.mark.parametrize(
    ("scale", "numbers"),
    [
        (signal_scale, [0.01, 2000.0]),
        (signal_scale, [0.4, 0.9]),
        (signal_scale, [1e-20, 1e20]),
        (loss_scale, [2.1, 2.5]),
        (loss_scale, [1e-3, 50.0]),
        (loss_scale, [-1e6, 1e6]),
        (loss_scale, [-3.0, 5.0]),
    ],
)
def test_ticks_are_where_they_say(scale, numbers):
    axis = scale(numbers)
    assert len(axis.ticks) >= 2
    for place, label in axis.ticks:
        assert axis.place(float(label.replace("−", "-"))) == pytest.approx(place, abs=1e-9)


def test_zero_and_what_is_not_finite_stand_at_the_ends_of_a_signal():
    axis = signal_scale([0.0, 1e-3, 1.0, math.inf, math.nan])
    assert axis.ticks[0][1] == ZERO
    assert axis.ticks[-1][1] == NOT_FINITE
    places = [axis.place(value) for value in (0.0, 1e-3, 1.0, math.inf)]
    assert places == sorted(place for place in set(places) if place is not None)
    assert axis.place(math.nan) == axis.place(math.inf)


def test_a_signal_without_them_has_no_place_for_them():
    assert not {ZERO, NOT_FINITE} & {label for _, label in signal_scale([1.0, 0.01]).ticks}


def test_losses_far_apart_have_a_logarithmic_axis():
    near, far = loss_scale([1.0, 3.0, 5.0]), loss_scale([1e-4, 1e-2, 1.0])
    assert near.place(3.0) == pytest.approx(0.5)
    assert far.place(1e-2) == pytest.approx(0.5)
    assert far.place(math.nan) is None
