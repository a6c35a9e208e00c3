"""Boxes: the positions of their elements, one by one and by steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.files.slices import Box


@given(data=st.data())
def test_elements_are_where_numpy_has_them(data: Any) -> None:
    full = tuple(data.draw(st.lists(st.integers(1, 6), max_size=4)))
    starts = tuple(data.draw(st.integers(0, size - 1)) for size in full)
    shape = tuple(data.draw(st.integers(1, size - start)) for size, start in zip(full, starts, strict=True))
    box = Box(full, starts, shape)
    whole = np.arange(math.prod(full)).reshape(full)
    bounds = (slice(start, start + n) for start, n in zip(starts, shape, strict=True))
    expected = whole[tuple(bounds)].reshape(-1)
    first = data.draw(st.integers(0, expected.size - 1))
    step = data.draw(st.sampled_from([1, box.run, expected.size, data.draw(st.integers(1, 9))]))
    found = expected[first::step]
    count = data.draw(st.integers(0, found.size))
    assert box.elements(first, count, step).tolist() == found[:count].tolist()
    assert box.element(first) == expected[first]
    runs = data.draw(st.integers(1, expected.size // box.run))
    skipped = data.draw(st.integers(0, expected.size // box.run - runs))
    begins = box.run_starts(skipped * box.run, runs)
    assert [*begins] == expected[:: box.run][skipped : skipped + runs].tolist()


def test_runs_at_equal_distances_are_a_range() -> None:
    assert Box((8, 6, 5), (2, 1, 0), (3, 2, 5)).run_starts(0, 3) == range(65, 155, 30)
    assert Box((8, 6, 5), (2, 0, 1), (3, 6, 2)).run_starts(2, 17) == range(66, 151, 5)
    assert isinstance(Box((8, 6, 5), (2, 1, 1), (3, 2, 2)).run_starts(0, 6), np.ndarray)
