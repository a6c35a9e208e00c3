"""Command line `hf`, each command in an environment of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.clients.clients import command, python_of
from tests.clients.conftest import CONFIG, SHARDED, TINY, VERSIONS, WEIGHTS, read
from tests.clients.programs import digests
from tests.clients.wire import Wire

Command = Callable[..., CompletedProcess[str]]


@pytest.fixture
def hf(wire: Wire, tmp_path: Path) -> Command:
    """The newest one, with a home that is empty at first."""
    return lambda *words: command(python_of(VERSIONS[0]), wire.url, tmp_path, *words)


@pytest.mark.parametrize("version", VERSIONS)
def test_download(wire: Wire, port: int, version: str, tmp_path: Path) -> None:
    words = ("download", TINY, "--revision", "seed=42", "--local-dir", tmp_path / "local")
    done = command(python_of(version), wire.url, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    siblings = json.loads(read(port, f"/api/models/{TINY}/revision/seed-42").body)["siblings"]
    found = digests(str(tmp_path / "local"))
    assert set(found) == {sibling["rfilename"] for sibling in siblings}
    whole = read(port, f"/{TINY}/resolve/seed-42/{WEIGHTS}").body
    assert (tmp_path / "local" / WEIGHTS).read_bytes() == whole


@pytest.mark.parametrize("version", VERSIONS)
def test_a_wrong_repository_is_named(wire: Wire, version: str, tmp_path: Path) -> None:
    done = command(python_of(version), wire.url, tmp_path, "download", "tensorseed/nothing", CONFIG)
    assert done.returncode == 1
    assert "tensorseed/nothing" in done.stdout + done.stderr
    assert "not found" in (done.stdout + done.stderr).lower()


def test_models_are_listed_and_told(hf: Command) -> None:
    done = hf("models", "ls", "--author", "tensorseed", "--search", "tiny-llama", "--json")
    assert {TINY, SHARDED} <= {model["id"] for model in json.loads(done.stdout)}
    assert json.loads(hf("models", "info", TINY, "--json").stdout)["id"] == TINY
    assert WEIGHTS in hf("models", "ls", TINY, "-R", "--revision", "seed-42").stdout


def test_the_cache_knows_its_commit(hf: Command, port: int) -> None:
    assert hf("download", TINY, "--revision", "seed-42").returncode == 0
    commit = read(port, f"/{TINY}/resolve/seed-42/{CONFIG}", "HEAD").headers["x-repo-commit"]
    listed = json.loads(hf("cache", "ls", "--revisions", "--json").stdout)
    assert [(row["id"], row["revision"]) for row in listed] == [(f"model/{TINY}", commit)]


@pytest.mark.parametrize("repository", [TINY, SHARDED])
def test_the_cache_is_verified(hf: Command, repository: str) -> None:
    assert hf("download", repository, "--revision", "seed-42").returncode == 0
    done = hf("cache", "verify", repository, "--revision", "seed-42")
    assert done.returncode == 0, done.stdout + done.stderr
