"""curl: what a person types."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import LONG, TINY, WEIGHTS, read
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def curl(port: int, path: str, *options: str | Path) -> bytes:
    """What curl writes."""
    command = ["curl", "-sS", *options, f"http://127.0.0.1:{port}{path}"]
    return subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE).stdout


@pytest.fixture
def whole(port: int) -> bytes:
    """The tiny model's weights."""
    return read(port, f"/{TINY}/resolve/seed-42/{WEIGHTS}").body


def test_head_tells_all_but_the_bytes(port: int, whole: bytes) -> None:
    head = curl(port, f"/{TINY}/resolve/seed-42/{WEIGHTS}", "-I").decode().lower()
    assert head.startswith("http/1.1 200")
    assert f"content-length: {len(whole)}\r\n" in head
    assert re.search(r'\netag: "[0-9a-f]{40}"\r', head)
    assert re.search(r"\nx-repo-commit: [0-9a-f]{40}\r", head)
    assert "x-xet" not in head
    assert "content-encoding" not in head


def test_nothing_is_compressed(port: int, whole: bytes) -> None:
    assert curl(port, f"/{TINY}/resolve/seed-42/{WEIGHTS}", "-H", "Accept-Encoding: gzip, br") == whole
    answer = read(port, f"/{TINY}/resolve/seed-42/config.json", **{"Accept-Encoding": "gzip"})
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
@pytest.mark.parametrize("given", ["0-0", "5-99", "100-", "-7", "100-999999999"])
def test_a_range(port: int, name: str, given: str) -> None:
    whole = read(port, f"/{TINY}/resolve/seed-42/{name}").body
    first, _, last = given.partition("-")
    start = int(first) if first else len(whole) - int(last)
    stop = min(int(last) + 1, len(whole)) if first and last else len(whole)
    answer = curl(port, f"/{TINY}/resolve/seed-42/{name}", "-r", given, "-i")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206")
    assert f"content-range: bytes {start}-{stop - 1}/{len(whole)}".encode() in head.lower()
    assert body == whole[start:stop]


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_range_behind_the_end(port: int, name: str) -> None:
    path = f"/{TINY}/resolve/seed-42/{name}"
    size = len(read(port, path).body)
    head = curl(port, path, "-r", f"{size}-", "-i").decode().lower()
    assert head.startswith("http/1.1 416")
    assert f"content-range: bytes */{size}\r\n" in head


def test_a_cut_download_goes_on(port: int, whole: bytes, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(whole[:12_345])
    curl(port, f"/{TINY}/resolve/seed-42/{WEIGHTS}", "-C", "-", "-o", part)
    assert part.read_bytes() == whole


def test_a_known_file_is_not_sent_again(port: int, tmp_path: Path) -> None:
    path, saved = f"/{LONG}/resolve/main/notes/plain.txt", tmp_path / "etag"
    assert curl(port, path, "--etag-save", saved) == b"some text\n"
    status = curl(port, path, "--etag-compare", saved, "-o", tmp_path / "x", "-w", "%{http_code}")
    assert status == b"304"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/tensorseed/nothing/resolve/main/config.json", "RepoNotFound"),
        (f"/{TINY}/resolve/seed-x/config.json", "RevisionNotFound"),
        (f"/{TINY}/resolve/main/nothing", "EntryNotFound"),
        (f"/{TINY}/resolve/main/..%2f..%2fetc%2fpasswd", "EntryNotFound"),
    ],
)
def test_what_is_not_there(port: int, path: str, code: str) -> None:
    answer = curl(port, path, "-i").decode()
    assert answer.startswith("HTTP/1.1 404")
    assert f"\nx-error-code: {code}\r".lower() in answer.lower()
    assert '"error":' in answer
