"""A second server with keys: equal commits, and no access without a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.server.keys import make_key
from tests.clients.clients import ClientError, Python, command, javascript, python_of
from tests.clients.conftest import CONFIG, TINY, VERSIONS, WEIGHTS, read
from tests.serving import served
from tests.waiting import wait_until

DOWNLOAD = "huggingface_hub:hf_hub_download"
KEY, LINE = make_key("reader")
NARROW, NARROW_LINE = make_key("narrow", ["losses"])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that asks for a key."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(f"{LINE}\n{NARROW_LINE}\n")
    with served("--keys-file", str(path)) as (_, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module", params=VERSIONS)
def known(
    request: pytest.FixtureRequest, guarded: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Python]:
    """A client with HF_TOKEN."""
    client = Python(python_of(request.param), guarded, tmp_path_factory.mktemp("home"), HF_TOKEN=KEY)
    yield client
    client.close()


def test_a_commit_is_answered_by_any_replica(known: Python, port: int, tmp_path: Path) -> None:
    found = read(port, f"/{TINY}/resolve/seed-42/{WEIGHTS}")
    path = Path(known(DOWNLOAD, TINY, WEIGHTS, revision=found.headers["x-repo-commit"], cache_dir=tmp_path))
    assert path.read_bytes() == found.body
    assert path.resolve().name == found.headers["etag"].strip('"')


def test_a_changed_recipe_has_other_commits(hub: Python, port: int, recipes: Path, tmp_path: Path) -> None:
    """An old commit is told to be unknown, and never gives other bytes."""
    name = f"proof/changing-{hub.python.parents[1].name.strip('.').replace('.', '-')}"
    source, commits = recipes / f"{name.rpartition('/')[2]}.json", [""]
    for elements in (10, 11):
        entry = {"name": "w", "type": "Tensor", "shape": [elements], "init": "normal"}
        source.write_text(json.dumps({"id": name, "config": {}, "weights": {"layers": [entry]}}))

        def is_seen(before: str = commits[-1]) -> bool:
            answer = read(port, f"/api/models/{name}")
            return answer.status == 200 and json.loads(answer.body)["sha"] != before

        wait_until(is_seen)
        path = Path(hub(DOWNLOAD, name, WEIGHTS, cache_dir=tmp_path))
        commits.append(path.parent.name)
    with pytest.raises(ClientError) as unknown:
        hub(DOWNLOAD, name, WEIGHTS, revision=commits[1], cache_dir=tmp_path / "other")
    assert "RevisionNotFoundError" in unknown.value.kinds
    assert commits[1] != commits[2]
    assert hub(DOWNLOAD, name, WEIGHTS, revision=commits[2], cache_dir=tmp_path / "other")


def test_a_key_is_a_token(known: Python, tmp_path: Path) -> None:
    assert known("huggingface_hub:snapshot_download", TINY, cache_dir=tmp_path)
    assert known("huggingface_hub:HfApi.whoami")["name"] == "reader"
    assert known("huggingface_hub:HfFileSystem.exists", f"{TINY}/{CONFIG}")


def test_a_key_may_be_given_to_a_call(known: Python, tmp_path: Path) -> None:
    with pytest.raises(ClientError) as refused:
        known(DOWNLOAD, TINY, CONFIG, token=False, cache_dir=tmp_path)
    assert "HfHubHTTPError" in refused.value.kinds
    with pytest.raises(ClientError) as narrow:
        known(DOWNLOAD, TINY, CONFIG, token=NARROW, cache_dir=tmp_path)
    assert "GatedRepoError" in narrow.value.kinds
    assert known(DOWNLOAD, TINY, CONFIG, token=KEY, cache_dir=tmp_path)


@pytest.mark.parametrize("token", [None, "hf_wrong"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("call", "words"),
    [(DOWNLOAD, (TINY, CONFIG)), ("huggingface_hub:snapshot_download", (TINY,))],
    ids=["file", "snapshot"],
)
def test_without_the_key(
    guarded: str, version: str, token: str | None, call: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    more = {} if token is None else {"HF_TOKEN": token}
    client = Python(python_of(version), guarded, tmp_path, **more)
    try:
        with pytest.raises(ClientError, match="401") as refused:
            client(call, *words)
        assert "HfHubHTTPError" in refused.value.kinds
        assert "RepositoryNotFoundError" not in refused.value.kinds
    finally:
        client.close()


def test_the_command_line_asks_for_the_key(guarded: str, tmp_path: Path) -> None:
    python = python_of(VERSIONS[0])
    done = command(python, guarded, tmp_path, "download", TINY, CONFIG)
    assert done.returncode == 1
    assert "HF_TOKEN" in done.stdout + done.stderr
    done = command(python, guarded, tmp_path, "auth", "whoami", HF_TOKEN=KEY)
    assert done.returncode == 0, done.stderr
    assert "reader" in done.stdout


def test_javascript_puts_hf_before_a_key(guarded: str, tmp_path: Path) -> None:
    given = {"repo": TINY, "path": CONFIG}
    assert javascript("fileExists", guarded, tmp_path, accessToken=f"hf_{KEY}", **given)
    assert javascript("whoAmI", guarded, tmp_path, accessToken=f"hf_{KEY}")["name"] == "reader"
    for token in ({}, {"accessToken": "hf_wrong"}):
        with pytest.raises(ClientError, match="key"):
            javascript("downloaded", guarded, tmp_path, **given, **token)
