"""BufferPool come back when nobody holds them, and not before."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tensorseed.concurrency.buffers import ALIGNMENT, MIN_MAPPED_BYTES, BufferPool, aligned


@pytest.mark.parametrize("size", [1, 63, 64, 100_000, MIN_MAPPED_BYTES, (1 << 20) + 5])
def test_aligned_memory(size):
    memory = aligned(size)
    assert memory.size == size
    assert memory.ctypes.data % ALIGNMENT == 0
    memory[:] = 7
    assert memory.flags.writeable


def test_a_buffer_comes_back_when_its_last_view_is_gone():
    buffers = BufferPool([1_000], max_free=4_000)
    lent = buffers.acquire(100, skew=5)
    address = lent.ctypes.data
    assert address % ALIGNMENT == 5
    held = lent.data
    del lent
    gc.collect()
    other = buffers.acquire(100, skew=5)
    assert other.ctypes.data != address  # a memoryview still holds the first
    del held
    again = buffers.acquire(1_000)
    assert again.ctypes.data == address - 5


def test_two_at_a_time_are_two():
    buffers = BufferPool([1_000], max_free=4_000)
    first, second = buffers.acquire(1_000), buffers.acquire(1_000)
    first[:], second[:] = 1, 2
    assert not np.shares_memory(first, second)
    assert (first == 1).all()
    assert (second == 2).all()


def test_no_more_are_kept_than_asked():
    buffers = BufferPool([1_000], max_free=2_000)
    lent = [buffers.acquire(10) for _ in range(5)]
    lent.clear()
    assert len(buffers._free) == 2


def test_what_is_larger_is_not_kept():
    buffers = BufferPool([1_000], max_free=2_000)
    large = buffers.acquire(990, skew=11)
    assert large.size == 990
    assert large.ctypes.data % ALIGNMENT == 11
    del large
    assert not buffers._free


def test_each_is_lent_in_the_least_size_that_holds_it():
    buffers = BufferPool([4_000, 1_000, 2_000], max_free=10_000)
    lent = [buffers.acquire(size, skew=3) for size in (997, 998, 1_997, 3_000)]
    lent.clear()
    assert sorted(buffer.size for buffer in buffers._free.values()) == [1_000, 2_000, 2_000, 4_000]


def test_those_used_last_are_kept_whatever_their_size():
    buffers = BufferPool([1_000, 4_000], max_free=5_500)
    small = [buffers.acquire(1_000) for _ in range(5)]
    small.clear()
    assert len(buffers._free) == 5
    del small
    large = buffers.acquire(4_000)
    address = large.ctypes.data
    del large
    assert sorted(buffer.size for buffer in buffers._free.values()) == [1_000, 4_000]
    assert buffers.acquire(4_000).ctypes.data == address


def test_threads_never_share_a_buffer():
    buffers = BufferPool([1_000, 2_000], max_free=6_000)

    def use(number: int) -> bool:
        lent = buffers.acquire(900 * (1 + number % 2))
        lent[:] = number % 251
        again = buffers.acquire(10)
        again[:] = 255
        return bool((lent == number % 251).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(use, range(4_000)))
    assert sum(buffer.size for buffer in buffers._free.values()) <= 6_000


def test_a_larger_one_is_lent_before_another_is_made():
    buffers = BufferPool([1_000, 2_000, 4_000], max_free=10_000)
    lent = [buffers.acquire(size) for size in (4_000, 2_000)]
    addresses = [view.ctypes.data for view in lent]
    lent.clear()
    assert [buffers.acquire(900).ctypes.data] == addresses[1:]


def test_a_buffer_may_come_back_at_any_moment():
    """The garbage collector frees views in cycles, and it may run whenever an object is made."""

    class Cycle:
        def __init__(self, view: object) -> None:
            self.view, self.me = view, self

    buffers = BufferPool([1_000], max_free=1_000_000)
    lent = [buffers.acquire(10) for _ in range(200)]
    threshold, pairs = gc.get_threshold(), []
    try:
        lent.clear()
        for _ in range(50):
            gc.disable()
            Cycle(buffers.acquire(10))
            pairs.extend([(i, i) for i in range(300)])  # so that the interpreter has none to use again
            gc.set_threshold(gc.get_count()[0] + 40)  # so that it runs amid the next look at what is free
            gc.enable()
            buffers.acquire(10)
    finally:
        gc.enable()
        gc.set_threshold(*threshold)
    gc.collect()
    assert len(buffers._free) >= 200
