"""Listings of folders, and what is told of paths."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from service.hub import lfs
from service.hub.schemas import WHEN, TreeEntry
from service.hub.trees import MAX_BODY, MAX_PATHS
from service.server.app import create_app
from service.settings import Settings
from service.worker.worker import Worker
from tests.conftest import started
from tests.tensorseed.checkpoints.recipes import document, tensor

TREE = "/api/models/tests/small/tree/main"
INFO = "/api/models/tests/small/paths-info/main"
FILES = ["README.md", "config.json", "generation_config.json", "model.safetensors", "notes/a.txt"]


def paths(answer: Any) -> list[str]:
    assert answer.status_code == 200
    return [entry["path"] for entry in answer.json()]


def test_the_top_has_files_and_folders(hub: Any) -> None:
    entries = {entry["path"]: entry for entry in hub.get(TREE).json()}
    assert sorted(entries) == [*FILES[:4], "notes"]
    assert entries["notes"]["type"] == "directory"
    assert entries["notes"]["size"] == 0
    assert entries["config.json"]["type"] == "file"
    assert "lastCommit" not in entries["config.json"]


@pytest.mark.parametrize("flag", ["true", "True"])
def test_all_that_lies_in_folders(hub: Any, flag: str) -> None:
    assert paths(hub.get(f"{TREE}?recursive={flag}")) == sorted([*FILES, "notes"])


def test_entries_are_what_downloads_tell(hub: Any) -> None:
    for entry in hub.get(f"{TREE}?recursive=true").json():
        if entry["type"] == "file":
            head = hub.head(f"/tests/small/resolve/main/{entry['path']}")
            assert head.headers["etag"] == f'"{entry["oid"]}"'
            assert int(head.headers["content-length"]) == entry["size"]
            assert "xetHash" not in entry


def test_a_folder(hub: Any) -> None:
    for url in (f"{TREE}/notes", f"{TREE}/notes/", "/api/models/tests/small/tree/refs%2Fheads%2Fmain/notes"):
        assert paths(hub.get(url)) == ["notes/a.txt"]
    missing = hub.get(f"{TREE}/nothing")
    assert (missing.status_code, missing.headers["x-error-code"]) == (404, "EntryNotFound")
    assert missing.headers["x-repo-commit"]


def test_the_commit_of_every_entry(hub: Any) -> None:
    sha = hub.get("/api/models/tests/small").json()["sha"]
    for entry in hub.get(f"{TREE}?expand=True&recursive=true").json():
        assert entry["lastCommit"] == {"id": sha, "title": "tests/small at main", "date": WHEN}


def test_by_commit_and_by_name_it_is_the_same(hub: Any) -> None:
    sha = hub.get("/api/models/tests/small/revision/seed-7").json()["sha"]
    by_commit = hub.get(f"/api/models/tests/small/tree/{sha}")
    assert by_commit.json() == hub.get("/api/models/tests/small/tree/seed%3D7").json()
    assert by_commit.json() != hub.get(TREE).json()


def test_pages(hub: Any) -> None:
    found, url = [], f"{TREE}?recursive=true&limit=2"
    while url:
        answer = hub.get(url)
        found += paths(answer)
        link = answer.links.get("next", {}).get("url")
        url = urljoin(url, link) if link else None
    assert found == sorted([*FILES, "notes"])
    wrong = hub.get(f"{TREE}?limit=many")
    assert wrong.status_code == 422
    assert "limit" in wrong.json()["error"]


def test_a_form_as_python_sends_it(hub: Any) -> None:
    answer = hub.post(INFO, data={"paths": ["notes/a.txt", "nothing", "notes"], "expand": "True"})
    assert paths(answer) == ["notes/a.txt", "notes"]
    assert answer.json()[0]["lastCommit"]["id"]
    assert "lastCommit" not in hub.post(INFO, data={"paths": "config.json", "expand": "False"}).json()[0]
    assert paths(hub.post(INFO, data={"expand": "True"})) == []


def test_json_as_javascript_sends_it(hub: Any) -> None:
    answer = hub.post(INFO, json={"paths": ["config.json", "config.json", "../x"], "expand": True})
    assert paths(answer) == ["config.json"]
    assert answer.json()[0]["lastCommit"]["title"] == "tests/small at main"
    assert paths(hub.post(INFO, json={"paths": "config.json"})) == ["config.json"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"paths": 1}',
        b'{"paths": [1]}',
        b"\xff",
        b'{"paths": null}',
        b"paths=config.json",
    ],
)
def test_a_body_that_names_no_paths(hub: Any, body: bytes) -> None:
    answer = hub.post(INFO, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "paths" in answer.json()["error"]


def test_a_form_that_is_no_text(hub: Any) -> None:
    answer = hub.post(INFO, content=b"\xff", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 400


def test_no_more_paths_than_may_be(hub: Any) -> None:
    assert hub.post(INFO, json={"paths": ["x"] * MAX_PATHS}).json() == []
    for body in ({"json": {"paths": ["x"] * (MAX_PATHS + 1)}}, {"data": {"paths": ["x"] * (MAX_PATHS + 1)}}):
        answer = hub.post(INFO, **body)
        assert answer.status_code == 413
        assert f"{MAX_PATHS:,}" in answer.json()["error"]
    assert hub.post(INFO, json={"paths": ["x" * MAX_BODY]}).status_code == 413


def test_another_form_is_not_read(hub: Any) -> None:
    answer = hub.post(INFO, content=b"<a/>", headers={"Content-Type": "text/xml"})
    assert answer.status_code == 415
    assert answer.headers["accept-post"]


def test_paths_of_what_is_not_there(hub: Any) -> None:
    missing = hub.post("/api/models/tests/nothing/paths-info/main", json={"paths": []})
    assert missing.headers["x-error-code"] == "RepoNotFound"
    missing = hub.post("/api/models/tests/small/paths-info/nothing", json={"paths": []})
    assert missing.headers["x-error-code"] == "RevisionNotFound"
    assert hub.get(INFO).status_code == 405


def digest(hub: Any, path: str) -> str:
    return hashlib.sha256(hub.get(path).content).hexdigest()


@pytest.mark.parametrize("repository", ["tests/small", "tests/sharded"])
def test_small_weights_have_the_digest_that_clients_verify(hub: Any, repository: str) -> None:
    api = f"/api/models/{repository}"
    rows = {row["path"]: row for row in hub.get(f"{api}/tree/seed-7?recursive=true").json()}
    weights = {path: row for path, row in rows.items() if path.endswith(".safetensors")}
    assert {path for path, row in rows.items() if "lfs" in row} == set(weights) != set()
    for path, row in weights.items():
        TreeEntry.model_validate(row)
        sha256 = digest(hub, f"/{repository}/resolve/seed-7/{path}")
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {row['size']}\n"
        assert row["lfs"] == {"oid": sha256, "size": row["size"], "pointerSize": len(pointer)}
        assert hub.head(f"/{repository}/resolve/seed-7/{path}").headers["etag"] == f'"{row["oid"]}"'
    assert hub.post(f"{api}/paths-info/seed-7", json={"paths": [*weights]}).json() == [*weights.values()]


def test_a_repository_has_them_where_clients_want_blobs(hub: Any) -> None:
    rows = {row["path"]: row for row in hub.get(TREE).json()}
    info = hub.get("/api/models/tests/small?blobs=true").json()
    lfs = {row["rfilename"]: row["lfs"] for row in info["siblings"] if "lfs" in row}
    assert lfs == {
        "model.safetensors": {
            "sha256": rows["model.safetensors"]["lfs"]["oid"],
            "size": rows["model.safetensors"]["size"],
            "pointerSize": rows["model.safetensors"]["lfs"]["pointerSize"],
        }
    }
    assert "lfs" not in str(hub.get("/api/models/tests/small").json()["siblings"])


def test_a_digest_is_computed_once(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = hub.get("/api/models/tests/small/tree/seed-8").json()
    monkeypatch.setattr(Worker, "stream", None)
    assert hub.get("/api/models/tests/small/tree/seed-8").json() == first


def test_nothing_of_large_or_dear_weights_is_computed(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = next(row["size"] for row in hub.get(TREE).json() if row["path"] == "model.safetensors")
    dear = {"layers": [tensor("w", [1_400, 1_400], "orthogonal")]}
    for number, changes in enumerate(({}, {"id": "tests/dear", "weights": dear})):
        (tmp_path / f"{number}.json").write_text(json.dumps(document(**changes)))
    for room, has_digest in ((size, True), (size - 1, False)):
        settings = Settings.model_construct(threads=1, recipes=tmp_path, listing_digest_bytes=room)
        with started(create_app(settings)) as client:
            assert ("lfs" in client.get(TREE).text) is has_digest
    monkeypatch.setattr(Worker, "stream", None)
    with started(create_app(Settings.model_construct(threads=1, recipes=tmp_path))) as client:
        assert "lfs" not in client.get("/api/models/tests/dear/tree/main").text
        assert "lfs" not in client.get("/api/models/tensorseed/gpt2/tree/main").text


def test_listings_wait_for_digests(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lfs, "MAX_HASHING", 1)
    monkeypatch.setattr(lfs, "MAX_HASHING_OF_CLIENT", 1)
    paths = [f"/api/models/tests/small/tree/seed-{seed}" for seed in range(50, 66)]
    with (
        started(create_app(Settings.model_construct(threads=2, recipes=folder))) as client,
        ThreadPoolExecutor(len(paths)) as asking,
    ):
        answers = list(asking.map(client.get, paths))
    assert [(answer.status_code, "lfs" in answer.text) for answer in answers] == [(200, True)] * len(paths)
