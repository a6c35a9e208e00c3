"""Sides run in turn, once a round."""

from __future__ import annotations

import pytest

from benchmarks.compare import compare, in_turn


@pytest.mark.parametrize(("warm", "calls"), [(True, "ababab"), (False, "abab")])
def test_sides_take_turns_and_the_first_round_is_not_counted(warm, calls):
    seen = []

    def side(name: str) -> float:
        seen.append(name)
        return float(len(seen))

    samples = in_turn({"a": lambda: side("a"), "b": lambda: side("b")}, rounds=2, warm=warm)
    assert "".join(seen) == calls
    assert samples == ({"a": [3.0, 5.0], "b": [4.0, 6.0]} if warm else {"a": [1.0, 3.0], "b": [2.0, 4.0]})


def test_a_comparison_runs_both_once_more_than_its_rounds():
    ours, theirs = [], []
    row = compare("x", lambda: ours.append(1), "y", lambda: theirs.append(1), rounds=3)
    assert (len(ours), len(theirs), row.rounds) == (4, 4, 3)
    assert row.ours > 0 < row.theirs
