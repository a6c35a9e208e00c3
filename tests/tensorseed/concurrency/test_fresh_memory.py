"""Fresh memory: populated where its middle has no page."""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np
import numpy.typing as npt
import pytest

from tensorseed.concurrency import fresh_memory
from tensorseed.concurrency.fresh_memory import PAGE, populate

PAGES = 64
Bytes = npt.NDArray[np.uint8]


@pytest.fixture
def memory() -> Bytes:
    """Memory that nothing has touched."""
    return np.frombuffer(mmap.mmap(-1, PAGES * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint8)


def resident(memory: Bytes) -> list[bool]:
    """Which of the pages are there."""
    assert fresh_memory._CALLS is not None
    pages = (ctypes.c_ubyte * PAGES)()
    assert fresh_memory._CALLS[1](memory.ctypes.data, memory.size, pages) == 0
    return [bool(page & 1) for page in pages]


def can_populate() -> bool:
    """Whether the kernel has the call."""
    if fresh_memory._CALLS is None:
        return False
    probe = mmap.mmap(-1, PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(probe))
    return fresh_memory._CALLS[0](address, PAGE, fresh_memory.POPULATE_WRITE) == 0


populating = pytest.mark.skipif(not can_populate(), reason="needs MADV_POPULATE_WRITE, of Linux 5.14")


@populating
def test_fresh_memory_gets_all_pages_that_it_touches_and_no_others(memory: Bytes) -> None:
    populate(memory.ctypes.data + 3 * PAGE + 100, 20 * PAGE)
    assert resident(memory) == [3 <= i < 24 for i in range(PAGES)]
    assert not memory.any()


@populating
def test_memory_whose_middle_has_a_page_is_left_alone(memory: Bytes) -> None:
    memory[PAGES // 2 * PAGE] = 7
    populate(memory.ctypes.data, memory.size)
    assert resident(memory) == [i == PAGES // 2 for i in range(PAGES)]


@populating
@pytest.mark.parametrize("size", [0, 1, PAGE - 1])
def test_less_than_a_page_is_left_alone(memory: Bytes, size: int) -> None:
    populate(memory.ctypes.data, size)
    assert not any(resident(memory))


@populating
def test_memory_with_numbers_keeps_them(memory: Bytes) -> None:
    memory[:PAGE] = np.arange(PAGE) % 251
    populate(memory.ctypes.data, memory.size)
    assert all(resident(memory))
    assert (memory[:PAGE] == np.arange(PAGE) % 251).all()
    assert not memory[PAGE:].any()


@pytest.mark.parametrize(
    "calls",
    [None, (lambda *_: -1, lambda *_: 0), (lambda *_: -1, lambda *_: -1)],
    ids=["none", "old", "barred"],
)
def test_a_system_without_the_calls_leaves_it_to_the_writes(
    memory: Bytes, calls: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh_memory, "_CALLS", calls)
    populate(memory.ctypes.data, memory.size)
    assert not memory.any()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_another_system_is_not_asked(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert fresh_memory._calls() is None
