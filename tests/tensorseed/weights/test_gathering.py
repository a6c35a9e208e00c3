"""Points of an index with arrays: their blocks, elements and bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.files.indexing import positions
from tensorseed.weights import gathering, local
from tensorseed.weights.gathering import Gathering
from tests.tensorseed.weights.specs import one

SHAPE = (6, 1, 9, 5)
WHOLE = np.arange(math.prod(SHAPE)).reshape(SHAPE)


def arrays(size: int) -> Any:
    at = st.integers(-size, size - 1)
    lists = st.lists(at, min_size=1, max_size=5)
    return (
        lists
        | lists.map(lambda found: np.array(found)[:, None])
        | lists.map(lambda found: np.array(found[:1]))
    )


@given(
    st.data(), st.sampled_from([0, 2, 1 << 14]), st.sampled_from([1, 2, 100]), st.sampled_from([1, 20, 1_000])
)
def test_blocks_and_offsets_hold_what_numpy_selects(
    data: Any, min_unread: int, max_blocks: int, max_elements: int
) -> None:
    index: list[Any] = [
        data.draw(arrays(size) | st.slices(size) | st.integers(-size, size - 1)) for size in SHAPE
    ][: data.draw(st.integers(1, 4))]
    extra = data.draw(st.sampled_from([None, ..., True]))
    index.insert(data.draw(st.integers(0, len(index))), extra)
    try:
        expected = WHOLE[tuple(index)]
    except IndexError:
        return
    if not expected.size or all(
        part is None or part is ... or isinstance(part, int | slice) for part in index
    ):
        return
    points = Gathering(tuple(index), SHAPE)
    assert points.shape == expected.shape
    whole = points.offsets(np.arange(points.points))
    assert np.array_equal(positions(whole, 0, expected.size), expected.reshape(-1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "MIN_UNREAD", min_unread)
        groups = points.parted(max_blocks, max_elements)
    out = points.empty(points.points, WHOLE.dtype)
    for ranges, within, places in points.blocks(groups, range(groups.starts.size)):
        points.store(out, places, WHOLE[np.ix_(*ranges)][within])
    assert np.array_equal(out.reshape(points.shape), expected)


ROWS = np.arange(5_000)
LABELS = np.random.default_rng(0).integers(0, 50_000, 1 << 20)


@pytest.mark.parametrize(
    ("shape", "index"),
    [
        ((50_000, 50_000), (ROWS, ROWS * 10)),
        ((50_000, 50_000), (ROWS * 10, ROWS * 10)),
        ((10_000_000, 16_384), (ROWS * 2_000,)),
        ((1 << 40,), (ROWS * (1 << 27),)),
        ((2_000_000, 50_000), (np.arange(1 << 20), LABELS)),
    ],
    ids=str,
)
def test_more_points_than_blocks_are_cut_evenly(shape: tuple[int, ...], index: tuple[Any, ...]) -> None:
    points = Gathering(index, shape)
    groups = points.parted(256, 1 << 21)
    uncut = points.parted(256, 1 << 62)
    assert uncut.starts.size <= 256
    assert groups.counts.sum() == uncut.counts.sum() == points.points
    assert all((groups.sizes <= 1 << 22) | (groups.counts == 1))
    assert groups.starts.size <= 256 + uncut.sizes.sum() / (1 << 21)


@pytest.mark.parametrize("count", [4_096, 4_097, 20_000])
@pytest.mark.parametrize("step", [1, 7])
def test_scattered_points_cost_what_they_select(
    monkeypatch: pytest.MonkeyPatch, count: int, step: int
) -> None:
    array = one("float32", [1 << 21, 50_000])
    computed: list[int] = []

    def counted(method: Any) -> Any:
        def run(self: Any, name: str, ranges: Sequence[range]) -> Any:
            computed.append(math.prod(map(len, ranges)))
            return method(self, name, ranges)

        return run

    monkeypatch.setattr(local.LocalWeights, "read", counted(local.LocalWeights.read))
    rows, columns = np.arange(count) * step, LABELS[:count]
    found = array[rows, columns]
    assert sum(computed) <= local.GATHER_COST * count
    for i in (0, 1, count // 2, count - 1):
        assert found[i] == array[int(rows[i]), int(columns[i])]
    near = array[np.arange(64)[:, None], np.arange(500)]
    assert np.array_equal(near, array[:64, :500])
    rows = array[np.arange(20) * 3_000, 5:300]
    assert np.array_equal(rows, array[: 20 * 3_000 : 3_000, 5:300])
