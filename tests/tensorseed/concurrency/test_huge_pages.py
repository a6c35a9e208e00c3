"""Huge pages: asked for inside memory alone, and refused without harm."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import pytest

from tensorseed.concurrency import huge_pages
from tensorseed.concurrency.huge_pages import HUGE_PAGE_BYTES, use_huge_pages


class Library:
    """A C library that writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    def madvise(self, *call: int) -> int:
        self.calls.append(call)
        return -1


@pytest.mark.parametrize(
    ("address", "nbytes", "pages"),
    [
        (0, HUGE_PAGE_BYTES, (0, 1)),
        (1, 2 * HUGE_PAGE_BYTES, (1, 1)),
        (HUGE_PAGE_BYTES - 1, 2 * HUGE_PAGE_BYTES + 1, (1, 2)),
        (1, HUGE_PAGE_BYTES, None),
        (HUGE_PAGE_BYTES, 0, None),
    ],
)
def test_only_whole_pages_inside_are_asked_for(
    address: int, nbytes: int, pages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library()
    monkeypatch.setattr(huge_pages, "_library", lambda: library)
    monkeypatch.setattr(mmap, "MADV_HUGEPAGE", 14, raising=False)
    use_huge_pages(address, nbytes)
    asked = [(start // HUGE_PAGE_BYTES, size // HUGE_PAGE_BYTES) for start, size, _ in library.calls]
    assert asked == ([] if pages is None else [pages])


def test_written_memory_keeps_its_bytes() -> None:
    memory = bytearray(b"x" * (3 * HUGE_PAGE_BYTES))
    use_huge_pages(ctypes.addressof(ctypes.c_char.from_buffer(memory)), len(memory))
    assert memory == b"x" * len(memory)


def test_memory_that_is_not_there_is_left() -> None:
    use_huge_pages(HUGE_PAGE_BYTES, HUGE_PAGE_BYTES)
