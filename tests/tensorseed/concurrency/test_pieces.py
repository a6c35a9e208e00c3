"""Long lists in pieces: sorting, slicing and freeing."""

from __future__ import annotations

import weakref
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.concurrency import pieces as module
from tensorseed.concurrency.pieces import LongList, free, pieces, sort


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of two."""
    monkeypatch.setattr(module, "PIECE", 2)
    monkeypatch.setattr(module, "SAMPLES", 4)


@pytest.mark.usefixtures("small")
@given(st.lists(st.integers(0, 5), max_size=40))
def test_sorting_is_that_of_the_whole_list_and_stable(numbers: list[int]) -> None:
    elements = [*zip(numbers, range(len(numbers)), strict=True)]
    expected = sorted(elements, key=itemgetter(0))
    sort(elements, itemgetter(0))
    assert elements == expected


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_pieces_are_all_elements_and_freeing_leaves_none(size: int) -> None:
    elements = [*range(size)]
    assert [one for piece in pieces(elements) for one in piece] == elements
    assert all(len(piece) <= 2 for piece in pieces(elements))
    free(elements)
    assert elements == []


def test_a_long_list_frees_its_elements_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    class Element:
        """An object that can be referred to weakly."""

    elements = LongList(Element() for _ in range(5))
    living = [weakref.ref(one) for one in elements]
    left: list[int] = []

    def watched(rest: list[Element]) -> None:
        while rest:
            del rest[-2:]
            left.append(sum(one() is not None for one in living))

    monkeypatch.setattr(LongList.__del__, "__defaults__", (watched,))
    other = elements
    del elements
    assert len(other) == 5
    del other
    assert left == [3, 1, 0]
