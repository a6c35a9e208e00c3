"""Blocks of entries, repeated together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tensorseed.spec.brace_blocks import repeated
from tensorseed.spec.names import expand


def order(*names: str) -> list[str]:
    return [name for name, _ in repeated((name, None) for name in names)]


def test_a_block_is_repeated_as_a_whole() -> None:
    names = order("e", "a.{0..1}.w", "a.{0..1}.b", "n")
    assert names == ["e", "a.0.w", "a.0.b", "a.1.w", "a.1.b", "n"]


def test_ranges_within_a_block_are_blocks_too() -> None:
    names = order("a.{0..1}.w", "a.{0..1}.e.{0..1}.u", "a.{0..1}.e.{0..1}.v", "a.{0..1}.n")
    one = ["w", "e.0.u", "e.0.v", "e.1.u", "e.1.v", "n"]
    assert names == [f"a.{layer}.{name}" for layer in range(2) for name in one]


def test_only_neighbours_are_a_block() -> None:
    names = order("a.{0..1}.w", "n", "a.{0..1}.b")
    assert names == ["a.0.w", "a.1.w", "n", "a.0.b", "a.1.b"]


def test_other_ranges_are_other_blocks() -> None:
    names = order("a.{0..1}.w", "a.{2..3}.w", "a.{2..3}.b", "b.{2..3}.b")
    assert names == ["a.0.w", "a.1.w", "a.2.w", "a.2.b", "a.3.w", "a.3.b", "b.2.b", "b.3.b"]


def test_a_range_that_is_cut_in_two_keeps_entries_apart() -> None:
    names = order("e.{0..2}.u", "e.{0..1}.v", "e.2.v", "e.{0..2}.w")
    assert names == [f"e.{expert}.{part}" for part in "uvw" for expert in range(3)]


def test_a_block_may_hold_what_only_looks_alike() -> None:
    names = order("a.{0..1}.w", "a.{0..1}.{0..1}.w", "a.{0..1}.x.{0..1}.w")
    assert names[:5] == ["a.0.w", "a.0.0.w", "a.0.1.w", "a.0.x.0.w", "a.0.x.1.w"]


def test_what_goes_with_a_name_stays_with_it() -> None:
    found = list(repeated([("a.{0..1}.w", 1), ("a.{0..1}.b", 2), ("", 3), ("", 4)]))
    assert found == [("a.0.w", 1), ("a.0.b", 2), ("a.1.w", 1), ("a.1.b", 2), ("", 3), ("", 4)]


PIECES = st.sampled_from(["a", "b", "{0..1}", "{0..2}", "{1..3}"])
NAMES = st.lists(PIECES, min_size=1, max_size=4).map(".".join)


@given(st.lists(NAMES, max_size=8))
def test_it_is_a_permutation_of_all_names(names: list[str]) -> None:
    assert sorted(order(*names)) == sorted(one for name in names for one in expand(name))


@given(st.lists(NAMES, min_size=1, max_size=6))
def test_a_block_is_what_each_value_gives(names: list[str]) -> None:
    block = order(*(f"x.{{0..2}}.{name}" for name in names))
    apart = [one for value in range(3) for one in order(*(f"x.{value}.{name}" for name in names))]
    assert block == apart
