"""huggingface_hub, the newest and the elder one: what both must find."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.clients.clients import ClientError, Python
from tests.clients.conftest import CONFIG, INDEX, LONG, SHARDED, TINY, WEIGHTS, read
from tests.clients.wire import Wire

DOWNLOAD = "huggingface_hub:hf_hub_download"
SNAPSHOT = "huggingface_hub:snapshot_download"
API = "huggingface_hub:HfApi"


def digest(port: int, repo: str, revision: str, path: str) -> str:
    """The SHA-256 of a file as a plain GET reads it."""
    answer = read(port, f"/{repo}/resolve/{revision}/{path}")
    assert answer.status == 200
    return hashlib.sha256(answer.body).hexdigest()


def commit(port: int, repo: str, revision: str) -> str:
    """The commit that a revision stands for."""
    return read(port, f"/{repo}/resolve/{revision}/{CONFIG}", "HEAD").headers["x-repo-commit"]


def test_a_file_is_kept_under_its_commit(hub: Python, wire: Wire, port: int, tmp_path: Path) -> None:
    for _ in range(2):
        path = Path(hub(DOWNLOAD, TINY, WEIGHTS, revision="seed-42", cache_dir=tmp_path))
        assert path.parent.name == commit(port, TINY, "seed-42")
        assert hub("programs:digest", path) == digest(port, TINY, "seed-42", WEIGHTS)
    assert len(wire.asked("GET", WEIGHTS)) == 1  # the second time a HEAD finds that nothing has changed
    assert len(wire.asked("HEAD", WEIGHTS)) == 2


def test_a_snapshot_holds_every_file(hub: Python, port: int, tmp_path: Path) -> None:
    folder = Path(hub(SNAPSHOT, SHARDED, revision="seed-7", cache_dir=tmp_path))
    names = hub(f"{API}.list_repo_files", SHARDED, revision="seed-7")
    assert {CONFIG, "README.md", INDEX} < set(names)
    assert sum(name.endswith(".safetensors") for name in names) > 1
    assert hub("programs:digests", folder) == {name: digest(port, SHARDED, "seed-7", name) for name in names}
    offline = hub(SNAPSHOT, SHARDED, revision="seed-7", cache_dir=tmp_path, local_files_only=True)
    assert offline == str(folder)


def test_patterns_choose_files(hub: Python, wire: Wire, tmp_path: Path) -> None:
    folder = hub(SNAPSHOT, SHARDED, allow_patterns="*.json", cache_dir=tmp_path)
    assert {Path(name).suffix for name in hub("programs:digests", folder)} == {".json"}
    assert wire.asked("GET", ".safetensors") == []


def test_the_file_system_reads_what_is_asked(hub: Python, wire: Wire, port: int) -> None:
    folder = f"{TINY}@seed-42"
    listed = hub("huggingface_hub:HfFileSystem.ls", folder, detail=True)
    whole = read(port, f"/{TINY}/resolve/seed-42/{WEIGHTS}").body
    assert {Path(entry["name"]).name: entry["size"] for entry in listed}[WEIGHTS] == len(whole)
    assert hub("huggingface_hub:HfFileSystem.exists", f"{folder}/{CONFIG}")
    assert not hub("huggingface_hub:HfFileSystem.exists", f"{folder}/nothing")
    wire.clear()
    for start, count in ((0, 8), (70_001, 1_000), (len(whole) - 5, 100)):
        assert hub("programs:part", f"{folder}/{WEIGHTS}", start, count) == whole[start : start + count].hex()
    ranges = [seen.headers.get("range") for seen in wire.asked("GET", WEIGHTS)]
    assert None not in ranges  # no read costs the whole file


@pytest.mark.parametrize("name", ["gpt2", "OpenAI-Community/gpt2"])
def test_a_published_id_is_an_alias(hub: Python, port: int, name: str, tmp_path: Path) -> None:
    folder = Path(hub(SNAPSHOT, name, allow_patterns="*.json", revision="seed-7", cache_dir=tmp_path))
    assert folder.name == commit(port, "tensorseed/gpt2", "seed-7")
    assert json.loads((folder / CONFIG).read_bytes())["model_type"] == "gpt2"
    assert hub(f"{API}.model_info", name)["id"] == "tensorseed/gpt2"
    assert hub(f"{API}.file_exists", name, WEIGHTS, revision="seed-7")
    assert [
        model["id"] for model in hub(f"{API}.list_models", author="openai-community", search="gpt2-")
    ] == [f"tensorseed/gpt2-{size}" for size in ("large", "medium", "xl")]


def test_folders_are_listed(hub: Python) -> None:
    entries = hub(f"{API}.list_repo_tree", LONG, recursive=True)
    kinds = {entry["path"]: entry["kind"] for entry in entries}
    assert kinds["notes"] == "RepoFolder"
    assert kinds["notes/plain.txt"] == "RepoFile"
    (inside,) = hub(f"{API}.list_repo_tree", LONG, "notes")
    assert (inside["path"], inside["size"]) == ("notes/plain.txt", len("some text\n"))
    assert f"{LONG}/notes" in hub("huggingface_hub:HfFileSystem.ls", LONG, detail=False)
    with pytest.raises(ClientError) as missing:
        hub(f"{API}.list_repo_tree", LONG, "nothing")
    assert "EntryNotFoundError" in missing.value.kinds


def test_a_file_in_a_folder_keeps_its_place(hub: Python, tmp_path: Path) -> None:
    path = Path(hub(DOWNLOAD, LONG, "notes/plain.txt", cache_dir=tmp_path))
    assert path.read_text() == "some text\n"
    assert path.parts[-2:] == ("notes", "plain.txt")


def test_what_a_repository_says_of_itself(hub: Python, port: int) -> None:
    info = hub(f"{API}.model_info", TINY, revision="seed-42", files_metadata=True)
    assert info["id"] == TINY
    assert info["sha"] == commit(port, TINY, "seed-42")
    assert not info["private"]
    assert info["library_name"] == "transformers"
    assert info["config"]["model_type"] == "llama"
    sizes = {file["rfilename"]: file["size"] for file in info["siblings"]}
    assert sizes[WEIGHTS] == len(read(port, f"/{TINY}/resolve/seed-42/{WEIGHTS}").body)
    assert len({file["blob_id"] for file in info["siblings"]}) == len(sizes)
    assert TINY in [
        model["id"] for model in hub(f"{API}.list_models", author="tensorseed", search="tiny-llama")
    ]
    assert len(hub(f"{API}.list_models", limit=2)) == 2
    (listed,) = hub(f"{API}.list_models", search="tiny-llama-sharded", full=True)
    assert listed["sha"] == commit(port, SHARDED, "main")
    assert {file["rfilename"] for file in listed["siblings"]} == set(hub(f"{API}.list_repo_files", SHARDED))
    assert hub(f"{API}.list_datasets") == hub(f"{API}.list_spaces") == []


def test_paths_refs_and_commits(hub: Python, port: int) -> None:
    paths = hub(f"{API}.get_paths_info", TINY, [CONFIG, "nothing", WEIGHTS], revision="seed-42", expand=True)
    assert {path["path"] for path in paths} == {CONFIG, WEIGHTS}
    found = commit(port, TINY, "seed-42")
    assert {path["last_commit"]["oid"] for path in paths} == {found}
    assert [ref["name"] for ref in hub(f"{API}.list_repo_refs", TINY)["branches"]][:1] == ["main"]
    assert [each["commit_id"] for each in hub(f"{API}.list_repo_commits", TINY, revision="seed-42")] == [
        found
    ]
    assert hub(f"{API}.repo_exists", TINY)
    assert hub(f"{API}.revision_exists", TINY, f"seed-{2**64 - 1}")
    assert not hub(f"{API}.revision_exists", TINY, f"seed-{2**64}")
    assert hub(f"{API}.file_exists", TINY, CONFIG)
    assert not hub(f"{API}.file_exists", TINY, "nothing")


@pytest.mark.parametrize("repo", [TINY, SHARDED])
def test_the_heads_of_weights_are_read_alone(hub: Python, wire: Wire, port: int, repo: str) -> None:
    found = hub(f"{API}.get_safetensors_metadata", repo, revision="seed-1")
    told = json.loads(read(port, f"/api/models/{repo}/revision/seed-1").body)["safetensors"]
    assert found["sharded"] is (repo == SHARDED)
    assert found["parameter_count"] == told["parameters"]
    assert all("range" in seen.headers for seen in wire.asked("GET", ".safetensors"))
    assert all(head["metadata"]["format"] == "pt" for head in found["files_metadata"].values())


def test_a_seed_is_its_bytes(hub: Python, port: int, tmp_path: Path) -> None:
    found = commit(port, TINY, "seed-42")
    spellings = ["seed-42", "seed=42", "refs/heads/seed-42", found]
    digests = []
    for number, revision in enumerate([*spellings, "seed-43", "main"]):
        path = hub(DOWNLOAD, TINY, WEIGHTS, revision=revision, cache_dir=tmp_path / str(number))
        digests.append(hub("programs:digest", path))
    assert len(set(digests[:4])) == 1
    assert len(set(digests)) == 3


def test_seeds_do_not_meet_in_one_cache(hub: Python, tmp_path: Path) -> None:
    own = "dtype=bfloat16"  # what the recipe has without it
    revisions = ("seed-1", "seed-2", "seed-1,dtype=float32", "seed-1", f"seed-1,{own}")
    paths = [hub(DOWNLOAD, TINY, WEIGHTS, revision=each, cache_dir=tmp_path) for each in revisions]
    assert paths[0] == paths[3] == paths[4]
    assert len({hub("programs:digest", path) for path in paths}) == 3


def test_a_dtype_is_a_part_of_the_revision(hub: Python, tmp_path: Path) -> None:
    folder = Path(hub(SNAPSHOT, TINY, revision="seed=42,dtype=float16", cache_dir=tmp_path))
    config = json.loads((folder / CONFIG).read_text())
    assert config.get("dtype", config.get("torch_dtype")) == "float16"
    head = hub(f"{API}.parse_safetensors_file_metadata", TINY, WEIGHTS, revision="seed=42,dtype=float16")
    assert set(head["parameter_count"]) == {"F16"}


WRONG = [
    (DOWNLOAD, ("tensorseed/nothing", CONFIG), {}, "RepositoryNotFoundError"),
    (DOWNLOAD, (TINY, CONFIG), {"revision": "seed-x"}, "RevisionNotFoundError"),
    (DOWNLOAD, (TINY, CONFIG), {"revision": "0" * 40}, "RevisionNotFoundError"),
    (DOWNLOAD, (TINY, "nothing.json"), {}, "EntryNotFoundError"),
    (DOWNLOAD, (SHARDED, WEIGHTS), {}, "EntryNotFoundError"),
    (SNAPSHOT, ("tensorseed/nothing",), {}, "RepositoryNotFoundError"),
    (SNAPSHOT, (TINY,), {"revision": "seed-x"}, "RevisionNotFoundError"),
    (f"{API}.model_info", ("tensorseed/nothing",), {}, "RepositoryNotFoundError"),
    (f"{API}.model_info", (TINY,), {"revision": "v1"}, "RevisionNotFoundError"),
    (f"{API}.dataset_info", (TINY,), {}, "RepositoryNotFoundError"),
    (f"{API}.get_safetensors_metadata", ("tensorseed/nothing",), {}, "NotASafetensorsRepoError"),
]


@pytest.mark.parametrize(("call", "args", "given", "kind"), WRONG)
def test_what_is_not_there(
    hub: Python, call: str, args: tuple[str, ...], given: dict[str, str], kind: str, tmp_path: Path
) -> None:
    given = given | ({"cache_dir": str(tmp_path)} if call in (DOWNLOAD, SNAPSHOT) else {})
    with pytest.raises(ClientError) as wrong:
        hub(call, *args, **given)
    assert kind in wrong.value.kinds


def test_nothing_is_written(hub: Python) -> None:
    for call, args in (("delete_repo", (TINY,)), ("create_branch", (TINY,)), ("create_repo", ("a/b",))):
        given = {"branch": "x"} if call == "create_branch" else {}
        with pytest.raises(ClientError) as refused:
            hub(f"{API}.{call}", *args, token="hf_x", **given)
        assert "HfHubHTTPError" in refused.value.kinds
