"""Many ranges and runs at once: the bits of each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.sampling.addresses import address_of
from tensorseed.sampling.distributions import Constant, Normal, Orthogonal, Sparse, TruncNormal, Uniform
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors.base import Ranges
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.philox import Stream
from tests.tensorseed.draws import DRAWN, FLOATS, bits, executors

EXECUTORS = dict(executors())
KINDS = [*DRAWN, Normal(0.3, 2.0), Constant(0.1), Sparse(23, 23, 5, 0.1), Orthogonal(23, 23, 1.5)]
FAR = 4 * (2**32 - 9)  # the block's number passes 2³² soon after


def columns(
    ranges: list[tuple[Any, Any, str, int, int, int]], seeds: Sequence[int | None] | None = None
) -> Ranges:
    """Ranges of distribution, dtype, name, first element, address and size, with their seeds."""
    of_each = [(what, dtype) for what, dtype, *_ in ranges]
    kinds, names = [*dict.fromkeys(of_each)], [name for _, _, name, *_ in ranges]
    rows = np.array([*map(kinds.index, of_each)], np.int64)
    own = [None] * len(ranges) if seeds is None else seeds
    return Ranges(kinds, rows, names, own, *np.array([one[3:] for one in ranges], np.int64).reshape(-1, 3).T)


@given(data=st.data())
def test_many_ranges_have_the_bits_of_each(data: Any) -> None:
    ranges, arrays, own, seed = [], [], [], data.draw(st.integers(0, 2))
    for _ in range(data.draw(st.integers(0, 12))):
        what, dtype = data.draw(st.sampled_from(KINDS)), data.draw(st.sampled_from(FLOATS))
        out = np.zeros(data.draw(st.integers(1, 99)), dtype.storage)
        name, first = data.draw(st.sampled_from("äbc")), data.draw(st.integers(0, 20))
        ranges.append((what, dtype, name, first, address_of(out), out.size))
        arrays.append(out)
        own.append(data.draw(st.sampled_from([None, 0, 2, (1 << 64) - 1])))
    EXECUTORS[data.draw(st.sampled_from(list(EXECUTORS)))].fill_many(seed, columns(ranges, own))
    for (what, dtype, name, first, _, size), out, one in zip(ranges, arrays, own, strict=True):
        of_range = seed if one is None else one
        assert np.array_equal(out, bits(what, dtype, size, first=first, seed=of_range, name=name))


def test_ranges_leave_the_memory_around_them() -> None:
    float32, normal = DTYPES["float32"], Normal(0, 1)
    for size in range(1, 20):
        for first in range(5):
            whole = np.full(80, np.float32(9))
            starts = (7, 47)
            addresses = [address_of(whole[start:]) for start in starts]
            ranges = [(normal, float32, "", first, address, size) for address in addresses]
            CompiledExecutor().fill_many(1, columns(ranges))
            inside = np.isin(np.arange(80), [start + i for start in starts for i in range(size)])
            assert (whole[~inside] == 9).all()
            assert (whole[inside] != 9).all()


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("run", [1, 3, 4, 130, 1_030])
def test_runs_have_the_bits_of_each(executor: str, dtype: Any, run: int) -> None:
    for what in [Uniform(0, 1), TruncNormal(0.0, 1.0, -2.0, 2.0), Constant(0.1), Sparse(99, 999, 5, 0.1)]:
        for starts in ([], [5], range(0, 4_000, 997), range(8, 90_000, 12_000), range(7, 9_000, 2_004)):
            out = np.empty((len(starts), run), dtype.storage)
            EXECUTORS[executor].fill_runs(what, dtype, Stream(42, "weight"), np.array(starts, np.int64), out)
            for start, row in zip(starts, out, strict=True):
                assert np.array_equal(row, bits(what, dtype, run, first=start))


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("step", [1_001, 1_004])  # in elements, from run to run: with and without one phase
@pytest.mark.parametrize("what", DRAWN, ids=str)
def test_runs_of_every_length_have_the_bits_of_each_and_leave_the_memory_around_them(
    what: Any, step: int, dtype: Any
) -> None:
    whole = bits(what, dtype, 38 * step, first=FAR)
    for run in (1, 2, 3, 5, 8, 50, 100, 128, 131, 136, 515):
        for first in (0, 3):
            starts = first + step * np.arange(37)
            expected = whole[starts[:, None] + np.arange(run)]
            for begins in (FAR + starts, range(FAR + first, FAR + first + 37 * step, step)):
                around = np.full((39, run), 9, dtype.storage)
                CompiledExecutor().fill_runs(what, dtype, Stream(42, "weight"), begins, around[1:-1])
                assert (around[[0, -1]] == 9).all()
                assert np.array_equal(around[1:-1], expected)


def test_runs_beyond_a_tile_have_the_bits_of_each() -> None:
    starts = np.arange(0, 300_000, 301)
    out = np.empty((starts.size, 100), np.float32)
    CompiledExecutor().fill_runs(Normal(0, 1), DTYPES["float32"], Stream(42, "weight"), starts, out)
    whole = bits(Normal(0, 1), DTYPES["float32"], 300_100)
    assert np.array_equal(out, whole[starts[:, None] + np.arange(100)])
