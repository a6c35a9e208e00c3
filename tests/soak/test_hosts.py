"""Hosts with read-only file systems and jumping clocks: equal bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.soak.hosts import (
    READ_ONLY,
    SMALL,
    copy_loops,
    fetched,
    full,
    jumping,
    namespaces,
    read_only,
    reference,
)

mounts = pytest.mark.skipif(not namespaces(), reason="needs mounts of its own")


@pytest.fixture(scope="module")
def expected() -> str:
    return reference()


def test_a_clock_that_jumps(expected: str) -> None:
    assert jumping() == expected


@mounts
def test_a_read_only_cache(expected: str, tmp_path: Path) -> None:
    copy_loops(tmp_path / "cache")
    assert read_only(tmp_path / "cache") == expected


@mounts
def test_a_full_disk_on_which_loops_are_missing(expected: str, tmp_path: Path) -> None:
    copy_loops(tmp_path / "cache.kept", without="sparse")
    assert full(tmp_path / "cache") == expected


@mounts
@pytest.mark.parametrize("script", [READ_ONLY, SMALL])
def test_a_file_is_not_fetched_onto_a_disk_that_does_not_take_it(script: str, tmp_path: Path) -> None:
    assert fetched(script, tmp_path / "folder")
