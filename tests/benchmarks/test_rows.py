"""Rows of the benchmarks: comparisons, targets and scales."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rows import Reading, Scale, Target, compared, digits

TIMES = st.lists(st.tuples(st.floats(1e-6, 1e3), st.floats(1e-6, 1e3)), min_size=1, max_size=20)


def test_the_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_medians():
    row = compared("a", "b", ours=[1.0, 2.0, 10.0], theirs=[5.0, 4.0, 30.0])
    assert (row.ours, row.theirs) == (2.0, 5.0)
    assert (row.low, row.ratio, row.high) == (2.0, 3.0, 5.0)
    assert row.rounds == 3


@given(TIMES)
def test_the_ratio_lies_between_its_least_and_greatest(times):
    ours, theirs = zip(*times, strict=True)
    row = compared("a", "b", ours, theirs)
    assert row.low <= row.ratio <= row.high


def test_sides_of_different_length_are_a_mistake():
    with pytest.raises(ValueError, match="argument"):
        compared("a", "b", [1.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("target", "theirs", "met"),
    [
        (None, 2.0, None),
        (Target(2), 2.0, True),
        (Target(2), 1.9, False),
        (Target(1.1, maximum=True), 1.0, True),
        (Target(1.1, maximum=True), 0.9, False),
        (Target(2, maximum=True), 0.5, True),
    ],
)
def test_a_target_is_of_times_as_fast_and_one_that_says_most_of_times_as_long(target, theirs, met):
    assert compared("a", "b", [1.0], [theirs], target=target).met is met


@pytest.mark.parametrize(("value", "met"), [(63.0, True), (64.0, True), (64.1, False)])
def test_a_reading_is_judged_by_its_own_number(value, met):
    assert Reading("memory", value, "MiB", Target(64, maximum=True)).met is met
    assert Reading("memory", value, "MiB").met is None


@pytest.mark.parametrize(
    ("scale", "seconds", "text"),
    [
        (Scale(), 0.01234, "12.3 ms"),
        (Scale(), 2.5, "2.50 s"),
        (Scale("M/s", 67.108864), 0.5, "134 M/s"),
        (Scale("requests/s", 1.0), 0.0004, "2,500 requests/s"),
    ],
)
def test_a_scale_tells_a_time_or_a_rate(scale, seconds, text):
    assert scale.tell(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.00"), (0.5, "0.500"), (99.9, "99.9"), (1234.6, "1,235")]
)
def test_digits(value, text):
    assert digits(value) == text
