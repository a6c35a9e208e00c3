"""A service with repositories of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.server.app import create_app
from service.settings import Settings
from tests.conftest import started
from tests.tensorseed.checkpoints.recipes import document

SHARDED = {"id": "tests/sharded", "aliases": ["Published/Model", "bare"], "shard_bytes": 10_000}
ALONE = {"id": "alone", "config": {"model_type": "whatever"}, "files": {}}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three recipes: in one file, in shards, and without a namespace."""
    folder = tmp_path_factory.mktemp("recipes")
    for number, changes in enumerate(({}, SHARDED, ALONE)):
        (folder / f"{number}.json").write_text(json.dumps(document(**changes)))
    return folder


@pytest.fixture(scope="session")
def hub(folder: Path) -> Iterator[Any]:
    """A client of a service that serves them, in chunks small enough to meet their edges."""
    with started(
        create_app(Settings.model_construct(threads=2, chunk_bytes=4_096, recipes=folder))
    ) as client:
        yield client
