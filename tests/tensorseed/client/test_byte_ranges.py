"""Ranges as sets of bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tensorseed.client.byte_ranges import ByteRanges, split

SIZE = 60
SPAN = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda pair: tuple(sorted(pair)))


@given(st.lists(SPAN))
def test_they_are_the_set_of_their_bytes(spans):
    there = {byte for span in spans for byte in range(*span)}
    found = ByteRanges(spans)
    assert {byte for span in found for byte in range(*span)} == there
    assert found.total == len(there)
    assert {byte for span in found.missing(SIZE) for byte in range(*span)} == set(range(SIZE)) - there
    bounds = [bound for span in found for bound in span]
    assert bounds == sorted(set(bounds))  # disjoint, apart, in order


@given(st.lists(SPAN), st.integers(1, SIZE))
def test_pieces_are_the_same_bytes(spans, most):
    pieces = list(split(spans, most))
    assert [byte for piece in pieces for byte in range(*piece)] == [
        byte for span in spans for byte in range(*span)
    ]
    assert all(0 < stop - start <= most for start, stop in pieces)
    assert all(start // most == (stop - 1) // most for start, stop in pieces)
