"""CPU quota and folders of a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tensorseed.concurrency import cpu
from tensorseed.concurrency.cpu import cores


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> int:
    """The cores of the host: eight."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return 8


def groups(tmp_path: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A file system of control groups, and the file that says which of them a process is in."""
    (tmp_path / "self").write_text(membership)
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "cgroup", tmp_path / "self"


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("250000 100000", 3),
        ("50000 100000", 1),
        ("1600000 100000", 8),
        ("", 8),
        ("a b", 8),
        ("100000 0", 8),
    ],
)
def test_a_quota_bounds_the_cores(there: int, tmp_path: Path, quota: str, expected: int) -> None:
    assert cores(*groups(tmp_path, "0::/\n", {"cpu.max": quota})) == expected


def test_the_narrowest_of_nested_groups_counts(there: int, tmp_path: Path) -> None:
    files = {"cpu.max": "700000 100000", "a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}
    assert cores(*groups(tmp_path, "0::/a/b\n", files)) == 3


def test_groups_of_the_first_version(there: int, tmp_path: Path) -> None:
    membership = "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n"
    files = {"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert cores(*groups(tmp_path, membership, files)) == 4
    assert cores(*groups(tmp_path, membership, files | {"cpu/cpu.cfs_quota_us": "-1\n"})) == there


def test_a_host_without_control_groups(there: int, tmp_path: Path) -> None:
    assert cores(tmp_path / "none", tmp_path / "neither") == there


def test_a_thread_that_may_not_step_back_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    cpu.lower_priority()
