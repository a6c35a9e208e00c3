"""Stores that are slow, and a disk that is full."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tensorseed.export import destination
from tensorseed.export.manifest import MANIFEST
from tests.serving import ROOT
from tests.tensorseed.export.between import between
from tests.tensorseed.export.stores import BUCKET, S3, digests_at, digests_in, end_of, export
from tests.tensorseed.export.test_faults import failed
from tests.tensorseed.export.test_object_storage import large, unfinished
from tools.soak.hosts import namespaces

FULL = """
import sys
from tensorseed.__main__ import main
from tensorseed.export.destination import Destination
if sys.argv.pop(1) == "unchecked":  # a disk that others fill meanwhile
    Destination.check_room = lambda *_: None
sys.argv[0] = "tensorseed"
main()
"""
SMALL = """
mount -t tmpfs -o size=8m tmpfs "$0"
"$1" -c "$2" unchecked "${@:3}"
"$1" -c "$2" checked "${@:3}"
ls "$0"
"""


def test_a_slow_store_gets_every_object(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, place = large(tmp_path), f"s3://{BUCKET}/slow-and-large"
    end_of(export(None, spec, tmp_path / "here"))
    with between(s3.url) as (proxy, url):
        monkeypatch.setattr(destination, "REQUEST_SECONDS", 0.2)
        proxy.pause = 0.6
        error = failed(export(s3.through(url), spec, place, "--attempts", 2), 3)
        assert "did not answer as it should (no answer): the same command goes on from here" in error
        monkeypatch.undo()
        proxy.pause = 0.1
        end_of(export(s3.through(url), spec, place))
    name = "large.safetensors"
    assert digests_at(s3, "slow-and-large")[name] == digests_in(tmp_path / "here")[name]
    assert unfinished(s3, "slow-and-large/") == []


@pytest.mark.skipif(not namespaces(), reason="this user may not have mounts of its own")
def test_a_full_disk_is_said_before_and_while_it_fills(tmp_path: Path) -> None:
    spec, place = large(tmp_path), tmp_path / "small"
    place.mkdir()
    shell = [str(shutil.which("unshare")), "-Urm", "bash", "-c", SMALL, str(place), sys.executable, FULL]
    run = subprocess.run(
        [*shell, "export", str(spec), str(place)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    filled, checked = run.stderr.splitlines()
    assert filled.endswith("cannot be written (no space left on device): make room, or name another DEST")
    assert "has room for" in checked
    assert checked.endswith("are needed: make room, or name another DEST")
    assert run.stdout.split() == ["tensorseed.parts"]
    end_of(export(None, spec, place))
    assert {path.name for path in place.iterdir()} == {"large.safetensors", MANIFEST}
