"""Resumed downloads over a connection that breaks."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.clients.clients import ClientError, Python, python_of
from tests.clients.conftest import LONG, VERSIONS, WEIGHTS, read
from tests.clients.wire import Wire

DOWNLOAD = "huggingface_hub:hf_hub_download"
STEP = 10 << 20  # bytes that the client writes at a time: what came of the next step is lost


@pytest.fixture(scope="module")
def whole(port: int) -> str:
    """The SHA-256 of the long file, read at once."""
    return hashlib.sha256(read(port, f"/{LONG}/resolve/seed-42/{WEIGHTS}").body).hexdigest()


def starts(wire: Wire) -> list[int]:
    """The first bytes that were asked for."""
    ranges = [seen.headers.get("range", "bytes=0-") for seen in wire.asked("GET", WEIGHTS)]
    return [int(each.removeprefix("bytes=").partition("-")[0]) for each in ranges]


def test_the_newest_client_goes_on_by_itself(passing: Wire, wire: Wire, whole: str, tmp_path: Path) -> None:
    """Twice. Had it ended, it would begin anew: its unfinished files have names of their own."""
    client = Python(python_of(VERSIONS[0]), passing.url, tmp_path)
    try:
        wire.cuts += [2 * STEP + 12_345, STEP + 12_345]
        path = client(DOWNLOAD, LONG, WEIGHTS, revision="seed-42", cache_dir=tmp_path)
        assert client("programs:digest", path) == whole
        assert starts(wire) == [0, 2 * STEP, 3 * STEP]
        assert wire.cuts == []
    finally:
        client.close()


def test_the_elder_client_goes_on_from_what_is_left(
    passing: Wire, wire: Wire, whole: str, tmp_path: Path
) -> None:
    client = Python(python_of(VERSIONS[1]), passing.url, tmp_path)
    try:
        wire.cuts += [2 * STEP + 12_345]
        with pytest.raises(ClientError):
            client(DOWNLOAD, LONG, WEIGHTS, revision="seed-42", cache_dir=tmp_path)
        (left,) = tmp_path.rglob("*.incomplete")
        held = left.stat().st_size
        assert held >= STEP
        wire.clear()
        path = client(DOWNLOAD, LONG, WEIGHTS, revision="seed-42", cache_dir=tmp_path)
        assert client("programs:digest", path) == whole
        assert starts(wire) == [held]
    finally:
        client.close()


def test_hf_transfer_reads_parts_at_once(passing: Wire, wire: Wire, whole: str, tmp_path: Path) -> None:
    """It is written in Rust, and asks for a last part that ends behind the file."""
    client = Python(python_of(VERSIONS[1]), passing.url, tmp_path, HF_HUB_ENABLE_HF_TRANSFER="1")
    try:
        path = client(DOWNLOAD, LONG, WEIGHTS, revision="seed-42", cache_dir=tmp_path)
        assert client("programs:digest", path) == whole
        assert len({start for start in starts(wire) if start}) >= 6
    finally:
        client.close()
