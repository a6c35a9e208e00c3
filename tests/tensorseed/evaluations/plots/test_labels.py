"""Labels keep their order and their distance."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.evaluations.plots.labels import number, spread
from tensorseed.pictures import drawable, shortened

places = st.lists(st.floats(-0.5, 1.5), max_size=20)


@given(places, st.floats(0.001, 0.5))
def test_spread_keeps_order_distance_and_bounds(given_places, gap):
    found = spread(given_places, gap)
    assert len(found) == len(given_places)
    ordered = [place for _, place in sorted(zip(given_places, found, strict=True))]
    room = min(gap, 1 / max(1, len(found) - 1))
    assert all(b - a >= room - 1e-9 for a, b in pairwise(sorted(found)))
    assert ordered == sorted(ordered)
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in found)


def test_places_far_enough_apart_stay():
    assert spread([0.9, 0.1, 0.5], 0.1) == pytest.approx([0.9, 0.1, 0.5])


def test_places_that_meet_lie_around_their_middle():
    assert spread([0.5, 0.5, 0.5], 0.25) == [0.25, 0.5, 0.75]


def test_numbers_are_short():
    assert [number(v) for v in (0.0, 1.0, 0.12345, 1.05e6, 1e-18, -2.5)] == [
        *("0", "1", "0.123", "1.05e6", "1e−18", "−2.5")
    ]
    assert number(2.302585, 4) == "2.303"
    assert number(float("nan")) == "not finite"


def test_a_long_text_loses_its_middle():
    assert shortened("a" * 28) == "a" * 28
    assert shortened("layer.with.a.very.long.name.0.weight", 11) == "layer…eight"


def test_the_font_has_every_character():
    assert drawable("fc1 ä µ\t\x1b日") == "fc1 ä µ□□□"
