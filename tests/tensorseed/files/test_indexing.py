"""Boxes of an index: they hold its elements, each in its place."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.files.indexing import parts, select

SHAPE = (7, 5, 9)
WHOLE = np.arange(math.prod(SHAPE)).reshape(SHAPE)


@given(
    st.tuples(st.slices(7), st.slices(5), st.slices(9)),
    st.integers(1, 40),
    st.sampled_from([1, 2, 5, 1_000]),
)
def test_the_boxes_hold_the_selected_elements(index: tuple[slice, ...], min_gap: int, most: int) -> None:
    selection = select(index, SHAPE)
    assert selection is not None
    ranges, shape = selection
    out = np.full(shape, -1)
    if out.size:
        found = parts(ranges, SHAPE, min_gap, most)
        assert 1 <= len(found) <= most
        for box, selected, place in found:
            within = tuple(slice(a, a + n) for a, n in zip(box.starts, box.shape, strict=True))
            out[place] = WHOLE[within][selected]
    assert np.array_equal(out, WHOLE[index])


@pytest.mark.parametrize(
    ("ranges", "min_gap", "most", "boxes"),
    [
        ([range(7), range(5), range(9)], 1, 10, 1),
        ([range(0, 7, 3), range(5), range(9)], 90, 10, 3),  # 2 · 45 elements lie between
        ([range(0, 7, 3), range(5), range(9)], 91, 10, 1),
        ([range(0, 7, 3), range(5), range(9)], 90, 2, 1),
        ([range(6, -1, -3), range(4, -1, -4), range(9)], 1, 10, 6),
    ],
)
def test_a_step_is_cut_where_much_lies_between(
    ranges: list[range], min_gap: int, most: int, boxes: int
) -> None:
    assert len(parts(ranges, SHAPE, min_gap, most)) == boxes
