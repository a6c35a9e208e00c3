"""Buffers come back when nobody holds them, and not before."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from service.buffers import ALIGNMENT, MAPPED, Buffers, aligned


@pytest.mark.parametrize("size", [1, 63, 64, 100_000, MAPPED, (1 << 20) + 5])
def test_aligned_memory(size):
    memory = aligned(size)
    assert memory.size == size
    assert memory.ctypes.data % ALIGNMENT == 0
    memory[:] = 7
    assert memory.flags.writeable


def test_a_buffer_comes_back_when_its_last_view_is_gone():
    buffers = Buffers(1_000, keep=4)
    lent = buffers.lend(100, skew=5)
    address = lent.ctypes.data
    assert address % ALIGNMENT == 5
    held = lent.data
    del lent
    gc.collect()
    other = buffers.lend(100, skew=5)
    assert other.ctypes.data != address  # a memoryview still holds the first
    del held
    again = buffers.lend(1_000)
    assert again.ctypes.data == address - 5


def test_two_at_a_time_are_two():
    buffers = Buffers(1_000, keep=4)
    first, second = buffers.lend(1_000), buffers.lend(1_000)
    first[:], second[:] = 1, 2
    assert not np.shares_memory(first, second)
    assert (first == 1).all()
    assert (second == 2).all()


def test_no_more_are_kept_than_asked():
    buffers = Buffers(1_000, keep=2)
    lent = [buffers.lend(10) for _ in range(5)]
    lent.clear()
    assert len(buffers._free) == 2


def test_what_is_larger_is_not_kept():
    buffers = Buffers(1_000, keep=2)
    large = buffers.lend(990, skew=11)
    assert large.size == 990
    assert large.ctypes.data % ALIGNMENT == 11
    del large
    assert not buffers._free
