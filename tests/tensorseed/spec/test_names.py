"""Names: validity, range expansion, and folding by the set alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.spec.names import (
    check_name,
    count_names,
    expand,
    expand_blocks,
    fold,
    fold_in_order,
    fold_pattern,
    is_plain,
)

PIECES = st.lists(
    st.sampled_from(["a", ".", "0", "1", "9", "{0..1}", "{3..3}", "{8..11}"]), min_size=1, max_size=5
)


@pytest.mark.parametrize("name", ["w", "blocks.{0..11}.weight", "{0..3}", "größe/1", "a b", "x" * 1024])
def test_valid_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("", "at least one"),
        ("x" * 1025, "at most 1,024"),
        ("__metadata__", "reserved"),
        ("a\nb", "U+000A"),
        ("a\x85", "U+0085"),
        ("a\u2028", "U+2028"),
        ("a\ud800", "U+D800"),
        ("a{", "braces"),
        ("a{1}", "braces"),
        ("a{01..3}", "leading zeros"),
        ("a{-1..3}", "braces"),
        ("a{{0..1}}", "braces"),
        ("a{3..1}", "smaller end first"),
        ("x" * 1016 + "{0..99999999}", "at most 1,024"),
    ],
)
def test_invalid_names(name: str, detail: str) -> None:
    with pytest.raises(ValueError, match=detail.replace("+", r"\+")):
        check_name(name)
    assert not is_plain(name)


def test_a_literal_name_has_no_braces() -> None:
    with pytest.raises(ValueError, match="literal"):
        check_name("a{0..1}", ranges=False)


def test_expand_runs_the_last_range_fastest() -> None:
    assert expand("a{0..1}%s.b{9..10}") == ["a0%s.b9", "a0%s.b10", "a1%s.b9", "a1%s.b10"]


def test_count_does_not_expand() -> None:
    assert count_names("{0..999999999999}.{1..10}") == 10**13


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        (["a.0", "a.1", "a.2"], ["a.{0..2}"]),
        (["a.9", "a.10"], ["a.{9..10}"]),
        (["a.0", "a.2"], ["a.0", "a.2"]),
        (["a.08", "a.09"], ["a.08", "a.09"]),
        (["a.0.0", "a.0.1", "a.1.0", "a.1.1"], ["a.{0..1}.{0..1}"]),
        (["a.0.0", "a.0.1", "a.1.0"], ["a.0.{0..1}", "a.1.0"]),
        (["b", "a", "a"], ["a", "b"]),
        ([], []),
    ],
)
def test_fold(names: list[str], folded: list[str]) -> None:
    assert fold(names) == folded


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 12))), st.randoms())
def test_fold_is_exact_and_ignores_order(points: set[tuple[int, int, int]], random: object) -> None:
    names = [f"x{a}.y{b}.{c}" for a, b, c in points]
    shuffled = list(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    folded = fold(shuffled)
    expanded = [name for pattern in folded for name in expand(pattern)]
    assert sorted(expanded) == sorted(names)
    assert folded == fold(names)


@given(PIECES)
def test_the_quick_fold_equals_the_plain_one(pieces: list[str]) -> None:
    name = "".join(pieces)
    assert fold_pattern(name) == fold(expand(name))


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        (["a.0", "a.1", "a.2", "b"], ["a.{0..2}", "b"]),
        (["a.2", "a.1", "a.0"], ["a.2", "a.1", "a.0"]),
        (["a.0", "b", "a.1"], ["a.0", "b", "a.1"]),
        (["a.0.0", "a.0.1", "a.1.0", "a.1.1"], ["a.{0..1}.{0..1}"]),
        (["a.0.0", "a.1.0", "a.0.1", "a.1.1"], ["a.{0..1}.0", "a.{0..1}.1"]),
        (["a.0.0", "a.0.1", "a.1.0"], ["a.0.{0..1}", "a.1.0"]),
        (["a.09", "a.10", "a.11"], ["a.09", "a.{10..11}"]),
        ([], []),
    ],
)
def test_folding_in_order(names: list[str], folded: list[str]) -> None:
    assert fold_in_order(names) == folded


@given(st.lists(PIECES.map("".join), max_size=6))
def test_folding_in_order_keeps_the_order_and_depends_on_nothing_else(patterns: list[str]) -> None:
    names = [name for pattern in patterns for name in expand(pattern)]
    folded = fold_in_order(names)
    assert [name for pattern in folded for name in expand(pattern)] == names
    assert fold_in_order(name for pattern in folded for name in expand(pattern)) == folded


def order(*names: str) -> list[str]:
    return [name for name, _ in expand_blocks((name, None) for name in names)]


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
    found = list(expand_blocks([("a.{0..1}.w", 1), ("a.{0..1}.b", 2), ("", 3), ("", 4)]))
    assert found == [("a.0.w", 1), ("a.0.b", 2), ("a.1.w", 1), ("a.1.b", 2), ("", 3), ("", 4)]


BLOCK_PIECES = st.sampled_from(["a", "b", "{0..1}", "{0..2}", "{1..3}"])
BLOCK_NAMES = st.lists(BLOCK_PIECES, min_size=1, max_size=4).map(".".join)


@given(st.lists(BLOCK_NAMES, max_size=8))
def test_it_is_a_permutation_of_all_names(names: list[str]) -> None:
    assert sorted(order(*names)) == sorted(one for name in names for one in expand(name))


@given(st.lists(BLOCK_NAMES, min_size=1, max_size=6))
def test_a_block_is_what_each_value_gives(names: list[str]) -> None:
    block = order(*(f"x.{{0..2}}.{name}" for name in names))
    apart = [one for value in range(3) for one in order(*(f"x.{value}.{name}" for name in names))]
    assert block == apart
