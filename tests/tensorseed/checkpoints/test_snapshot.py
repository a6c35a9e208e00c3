"""Snapshots: files and folders by path."""

from __future__ import annotations

import pytest

from tensorseed.checkpoints.errors import UnknownEntryError
from tensorseed.checkpoints.repo_files import TextFile, WeightsFile
from tensorseed.checkpoints.snapshot import Folder, Snapshot
from tests.tensorseed.checkpoints.recipes import repository

FILES = {"a.txt": "1", "b/c/d.txt": "2", "b/c/e.txt": "3", "b/f.txt": "4", "bc/g.txt": "5"}


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return repository(files=FILES).snapshot("seed-3")


def listed(snapshot: Snapshot, folder: str, *, recursive: bool = False) -> list[str]:
    """The paths in a folder; those of folders end with a slash."""
    found = snapshot.within(folder, recursive=recursive)
    return [entry.path + "/" * isinstance(entry, Folder) for entry in found]


def test_a_file_is_found_by_its_path(snapshot: Snapshot) -> None:
    assert snapshot.file("b/c/d.txt") == TextFile("b/c/d.txt", b"2")


@pytest.mark.parametrize(
    "path", ["", "b", "b/", "b/c", "/a.txt", "./a.txt", "b//f.txt", "b/../a.txt", "A.txt", "x" * 500]
)
def test_other_paths_are_unknown(path: str, snapshot: Snapshot) -> None:
    with pytest.raises(UnknownEntryError) as caught:
        snapshot.file(path)
    assert len(str(caught.value)) < 250
    assert "seed-3" in str(caught.value)


def test_the_top(snapshot: Snapshot) -> None:
    assert listed(snapshot, "") == ["README.md", "a.txt", "b/", "bc/", "config.json", "model.safetensors"]


def test_a_folder(snapshot: Snapshot) -> None:
    assert listed(snapshot, "b") == ["b/c/", "b/f.txt"]
    assert listed(snapshot, "b/c") == ["b/c/d.txt", "b/c/e.txt"]


def test_what_lies_at_any_depth(snapshot: Snapshot) -> None:
    assert listed(snapshot, "b", recursive=True) == ["b/c/", "b/c/d.txt", "b/c/e.txt", "b/f.txt"]
    whole = listed(snapshot, "", recursive=True)
    assert [path for path in whole if not path.endswith("/")] == [file.path for file in snapshot.files]
    assert [path for path in whole if path.endswith("/")] == ["b/", "b/c/", "bc/"]


@pytest.mark.parametrize("folder", ["x", "a.txt", "b/c/d", "/", "b/", "/b", "..", "B"])
def test_other_folders_are_unknown(folder: str, snapshot: Snapshot) -> None:
    with pytest.raises(UnknownEntryError, match="no folder"):
        snapshot.within(folder)


def test_a_folder_is_identified_by_what_it_holds(snapshot: Snapshot) -> None:
    changed = repository(files={**FILES, "b/c/d.txt": "other"}).snapshot("seed-3")
    old, new = (
        {entry.path: entry.oid for entry in one.within("", recursive=True) if isinstance(entry, Folder)}
        for one in (snapshot, changed)
    )
    assert {path for path in old if old[path] != new[path]} == {"b", "b/c"}
    assert all(len(oid) == 40 for oid in old.values())


def test_the_weights_know_their_size_beforehand(snapshot: Snapshot) -> None:
    file = snapshot.file("model.safetensors")
    assert isinstance(file, WeightsFile)
    assert file.text is None
    assert file.weights.size == file.size
    assert file.weights.resolved.seed == 3
