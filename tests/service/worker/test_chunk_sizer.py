"""Chunk sizes: growth for fast readers, small ones for many streams."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from service.worker.chunks import FAST_SECONDS, MAX_GROWTH, ChunkSizers

UNIT = 1_000


def test_a_reader_that_keeps_up_is_given_larger_chunks():
    with ChunkSizers(UNIT).open() as sizer:
        sizes = []
        for _ in range(5):
            sizes.append(sizer.end(0, 1 << 40))
            sizer.record(60, all_ready=False)
    assert sizes == [UNIT, 2 * UNIT, 4 * UNIT, 8 * UNIT, 8 * UNIT]


def test_one_for_whom_all_is_ready_in_vain_is_given_small_ones_again():
    with ChunkSizers(UNIT).open() as sizer:
        for _ in range(4):
            sizer.record(0, all_ready=False)
        sizer.record(FAST_SECONDS / 2, all_ready=True)
        assert sizer.end(0, 1 << 40) == MAX_GROWTH * UNIT
        sizes = []
        for _ in range(4):
            sizer.record(FAST_SECONDS * 2, all_ready=True)
            sizes.append(sizer.end(0, 1 << 40))
    assert sizes == [4 * UNIT, 2 * UNIT, UNIT, UNIT]


@pytest.mark.parametrize(("start", "stop", "end"), [(0, 10_000, 1_000), (999, 10_000, 1_000), (7, 9, 9)])
def test_a_chunk_ends_on_the_grid_or_with_the_stream(start, stop, end):
    with ChunkSizers(UNIT).open() as sizer:
        assert sizer.end(start, stop) == end


@pytest.mark.parametrize(("streams", "units"), [(1, 8), (2, 4), (3, 2), (4, 1), (5, 1), (1_000, 1)])
def test_many_streams_share_what_they_may_have_ahead(streams, units):
    sizers = ChunkSizers(UNIT)
    with ExitStack() as stack:
        begun = [stack.enter_context(sizers.open()) for _ in range(streams)]
        for sizer in begun:
            for _ in range(4):
                sizer.record(0, all_ready=False)
        assert {sizer.end(0, 1 << 40) for sizer in begun} == {units * UNIT}
    assert sizers.streams == 0


def test_a_large_chunk_shrinks_when_more_clients_come():
    sizers = ChunkSizers(UNIT)
    with sizers.open() as sizer, ExitStack() as stack:
        for _ in range(3):
            sizer.record(0, all_ready=False)
        for _ in range(15):
            stack.enter_context(sizers.open())
        sizer.record(0, all_ready=False)
        assert sizer.end(0, 1 << 40) == UNIT
