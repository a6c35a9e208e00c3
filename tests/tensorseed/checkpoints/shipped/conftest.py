"""Shipped recipes as a library, and tiny repositories as folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tensorseed.checkpoints.library import Library, shipped
from tensorseed.checkpoints.repo_files import WeightsFile
from tensorseed.checkpoints.snapshot import Snapshot
from tensorseed.spec.limits import Limits

ALL = {path.stem: json.loads(path.read_text()) for path in sorted(shipped().glob("*.json"))}
NAMES = [name for name, recipe in ALL.items() if "config" in recipe]
PIPELINES = [name for name, recipe in ALL.items() if "components" in recipe]
TINY = [name for name in NAMES if name.startswith("tiny-")]
SHARD_BYTES = 5_000_000_000


@pytest.fixture(scope="session")
def library() -> Library:
    return Library([shipped()], Limits(), SHARD_BYTES)


def write(snapshot: Snapshot, folder: Path) -> Path:
    """All files of a revision, in a folder."""
    for file in snapshot.files:
        content = file.text
        if content is None:
            assert isinstance(file, WeightsFile)
            content = file.weights.read(0, file.size).tobytes()
        assert len(content) == file.size
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.path).write_bytes(content)
    return folder
