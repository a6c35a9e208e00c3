"""Exports by a local Ray: the same objects, and a worker that is killed."""

from __future__ import annotations

import importlib.util
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.server.app import create_app
from service.settings import Settings
from tensorseed.export.manifest import MANIFEST
from tests.tensorseed.client.conftest import serving
from tests.tensorseed.export.stores import (
    BUCKET,
    S3,
    SHARDED,
    digests_at,
    digests_in,
    digests_of_service,
    end_of,
    export,
)

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray has no wheel for this Python"),
    pytest.mark.filterwarnings("ignore"),  # of Ray itself
]


@pytest.fixture(scope="module")
def cluster(s3: S3) -> Iterator[str]:
    """The address of a Ray of two workers, whose environment names the S3 server."""
    from unittest.mock import patch

    import ray

    with patch.dict(os.environ, {**s3.variables, "RAY_USAGE_STATS_ENABLED": "0"}):
        found = ray.init(
            "local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=80 << 20
        )
        yield found.address_info["address"]
        ray.shutdown()


def test_objects_are_those_of_one_process(
    cluster: str, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tensorseed.export.ray_work.LARGE_BYTES", 1)  # so that a process counts bytes
    export(None, SHARDED, tmp_path / "one")
    wanted = digests_in(tmp_path / "one")
    for _ in range(2):
        end = end_of(export(s3, SHARDED, tmp_path / "ray", "--ray", cluster))
        found = digests_in(tmp_path / "ray")
        assert {path: found[path] for path in wanted if path != MANIFEST} == {
            path: wanted[path] for path in wanted if path != MANIFEST
        }
    assert end["objects"]["written"] == 0
    end_of(export(s3, SHARDED, f"s3://{BUCKET}/ray", "--ray", cluster))
    assert {**digests_at(s3, "ray"), MANIFEST: ""} == {**wanted, MANIFEST: ""}


def test_a_large_recipe_is_the_services_everywhere(
    cluster: str, s3: S3, tmp_path: Path, large_recipe: Path
) -> None:
    """By one process, by shares and by Ray, into a folder and into S3; in a soak test it has 2 GB."""
    app = create_app(Settings.model_construct(threads=2, recipes=large_recipe.parent))
    with serving(app) as url:
        wanted = digests_of_service(url, "tests/large")
    shares = [("--shard", f"{index}/3") for index in (2, 0, 1)]
    for way, commands in {"one": [()], "shares": shares, "ray": [("--ray", cluster)]}.items():
        for destination in (tmp_path / way, f"s3://{BUCKET}/large-{way}"):
            for more in commands:
                end_of(export(s3, large_recipe, destination, *more))
        for found in (digests_in(tmp_path / way), digests_at(s3, f"large-{way}")):
            assert {**found, MANIFEST: ""} == {**wanted, MANIFEST: ""}


def test_a_killed_worker_is_started_again(cluster: str, tmp_path: Path, s3: S3, large_recipe: Path) -> None:
    killed: list[int] = []
    done = threading.Event()

    def kill() -> None:
        while not done.wait(0.01) and not killed:
            if list((tmp_path / "out").glob("*.safetensors#*")):
                killed.extend(workers()[:1])
                for worker in killed:
                    os.kill(worker, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        end = end_of(export(s3, large_recipe, tmp_path / "out", "--ray", cluster))
    finally:
        done.set()
        thread.join()
    assert killed
    assert (
        end["objects"]["kept"] + end["objects"]["written"] + end["objects"]["replaced"]
        == len(digests_in(tmp_path / "out")) - 1
    )
    assert not list((tmp_path / "out").rglob("*#*"))
    end_of(export(None, large_recipe, tmp_path / "one"))
    found, wanted = digests_in(tmp_path / "out"), digests_in(tmp_path / "one")
    assert {**found, MANIFEST: ""} == {**wanted, MANIFEST: ""}


def test_a_worker_of_another_version_is_refused(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tensorseed.export.ray_work.versions", lambda *_: {"tensorseed": "99"})
    result = export(None, SHARDED, tmp_path / "out", "--ray", cluster)
    assert result.exit_code == 3
    assert "and this process tensorseed 99: install the same there" in result.stderr
    assert not list((tmp_path / "out").glob("*.safetensors"))


def test_bytes_within_an_object_are_reported() -> None:
    """An object that is written again gives back what its killed worker had reported."""
    from tensorseed.export.ray_work import Counts, _Shown

    heard: list[int] = []
    shown, counts = _Shown(heard.append), Counts()
    for path, done in (("a", 5), ("b", 2), ("a", 9), ("a", 3)):
        counts.set(path, done)
        shown.take(counts.get())
    assert sum(heard) == 5
    shown.take({"a": 10}, whole=True)
    shown.take(counts.get())
    assert sum(heard) == 12


def workers() -> list[int]:
    """The processes below this one that run a task of an export."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"ray::export_object" in (folder / "cmdline").read_bytes() and is_below(int(folder.name)):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def is_below(process: int) -> bool:
    """Whether this process started another one, or one of those that started it."""
    while process > 1:
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        if process == os.getpid():
            return True
    return False
