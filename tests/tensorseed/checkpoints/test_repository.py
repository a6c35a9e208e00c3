"""Repositories: revisions, commits, and the files of each."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import safetensors.torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorseed.checkpoints import layout
from tensorseed.checkpoints import repository as module
from tensorseed.checkpoints.errors import RecipeError, UnknownRevisionError
from tensorseed.checkpoints.layout import INDEX
from tensorseed.checkpoints.repo_files import RepoFile, TextFile, WeightsFile
from tensorseed.checkpoints.repository import Repository, RepositoryCaches
from tensorseed.checkpoints.revision import DTYPE_NAMES, Revision
from tensorseed.checkpoints.snapshot import Snapshot
from tensorseed.errors import TooLargeError
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.checkpoints.recipes import document, recipe, repository, tensor

SHARD = 4_000
LAST = (1 << 64) - 1


def weights_of(snapshot: Snapshot) -> list[WeightsFile]:
    return [file for file in snapshot.files if isinstance(file, WeightsFile)]


def content(file: RepoFile) -> bytes:
    if not isinstance(file, WeightsFile):
        return file.text or b""
    return file.weights.read(0, file.weights.size).tobytes()


def tensors(snapshot: Snapshot) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in weights_of(snapshot):
        found |= safetensors.torch.load(content(file))
    return found


def test_the_files_of_a_single_one() -> None:
    snapshot = repository().snapshot("main")
    paths = ["README.md", "config.json", "generation_config.json", "model.safetensors", "notes/a.txt"]
    assert [file.path for file in snapshot.files] == paths
    assert snapshot.file("notes/a.txt").text == b"as it is"
    assert (
        snapshot.file("generation_config.json").text == b'{\n  "bos_token_id": 1,\n  "eos_token_id": 2\n}\n'
    )
    assert json.loads(snapshot.file("config.json").text or b"") == document()["config"]


def test_a_single_file_is_that_of_the_spec() -> None:
    file = repository().snapshot("seed-5").file("model.safetensors")
    spec = {"seed": 5, **document()["weights"]}
    assert (
        content(file)
        == open_file(parse_spec(json.dumps(spec).encode(), Limits())).read(0, file.size).tobytes()
    )


def test_shards_hold_together_what_the_single_file_holds() -> None:
    whole, parted = repository().snapshot("seed-5"), repository(shard_bytes=SHARD).snapshot("seed-5")
    assert len(weights_of(parted)) > 3
    one, other = tensors(whole), tensors(parted)
    assert one.keys() == other.keys()
    assert all(one[name].dtype == other[name].dtype and one[name].equal(other[name]) for name in one)
    index = json.loads(parted.file(INDEX).text or b"")
    assert index["metadata"] == {
        "total_parameters": whole.total,
        "total_size": sum(tensor.numel() * tensor.itemsize for tensor in one.values()),
    }
    assert {
        name: file.path for file in weights_of(parted) for name in safetensors.torch.load(content(file))
    } == (index["weight_map"])


def test_the_setting_holds_where_the_recipe_gives_no_size_of_shards() -> None:
    one = repository(default=SHARD).snapshot("main")
    other = repository(default=1, shard_bytes=SHARD).snapshot("main")
    assert [file.path for file in one.files] == [file.path for file in other.files]
    assert one.commit == other.commit


@given(st.integers(0, LAST), st.booleans())
@settings(max_examples=30)
def test_sizes_are_told_without_opening(seed: int, parted: bool) -> None:
    snapshot = (PARTED if parted else WHOLE).snapshot(f"seed-{seed}")
    for file in snapshot.files:
        assert len(content(file)) == file.size


WHOLE, PARTED = repository(), repository(shard_bytes=SHARD)


def test_every_name_of_a_revision_gives_its_commit() -> None:
    repo = repository()
    for names in (
        ("main", "seed-0", "seed=0", "dtype=bfloat16", "refs/heads/main", "seed=0,dtype=bfloat16"),
        ("seed-42", "seed=42", "refs/heads/seed=42", "seed-42,dtype=bfloat16"),
        ("dtype=float16", "seed-0,dtype=float16"),
    ):
        commits = {repo.snapshot(name).commit for name in names}
        assert len(commits) == 1
        (commit,) = commits
        assert repo.snapshot(commit).commit == commit


def test_commits_tell_seeds_and_dtypes_apart() -> None:
    repo = repository()
    names = ["main", "seed-1", f"seed-{LAST}", "dtype=float32", "seed-1,dtype=float32", "dtype=float64"]
    assert len({repo.snapshot(name).commit for name in names}) == len(names)


@pytest.mark.parametrize("dtype", [None, *DTYPE_NAMES])
@pytest.mark.parametrize("seed", [0, 42, LAST])
def test_a_commit_is_answered_by_any_replica(seed: int, dtype: str | None) -> None:
    name = Revision(seed, dtype).name
    snapshot = repository().snapshot(name)
    other = repository().snapshot(snapshot.commit)
    assert other.revision == snapshot.revision == Revision(seed, None if dtype == "bfloat16" else dtype)
    assert [(file.path, file.size, file.oid) for file in other.files] == [
        (file.path, file.size, file.oid) for file in snapshot.files
    ]


def test_a_commit_holds_the_seed() -> None:
    main, other = repository().snapshot("main").commit, repository().snapshot("seed-42").commit
    assert main[:24] == other[:24]
    assert (main[24:], other[24:]) == ("0" * 16, f"{42:016x}")


def test_the_bytes_follow_from_commit_and_path_and_oids_from_the_bytes() -> None:
    known: dict[str, bytes] = {}
    for changes in ({}, {"shard_bytes": SHARD}, {"description": "Other."}):
        repo = repository(**changes)
        for name in ("main", "seed-1", "dtype=float16", "seed-1,dtype=float16"):
            for file in repo.snapshot(name).files:
                assert known.setdefault(file.oid, content(file)) == content(file)
    assert len(set(known.values())) == len(known)


CHANGES: list[dict[str, Any]] = [
    {"id": "tests/other"},
    {"description": "Other."},
    {"config": {"model_type": "llama"}},
    {"files": {}},
    {"files": {"notes/a.txt": "as it is"}},
    {"shard_bytes": SHARD},
    {"shard_bytes": SHARD + 1_000},
    {"weights": {"dtype": "bfloat16", "layers": document()["weights"]["layers"][:-1]}},
    {"weights": {"dtype": "bfloat16", "layers": [*document()["weights"]["layers"], tensor("x", [2])]}},
]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("name", ["main", "seed-7", "dtype=float16"])
def test_a_changed_recipe_has_other_commits_and_none_of_the_old(changes: dict[str, Any], name: str) -> None:
    old, new = repository(), repository(**changes)
    commit = old.snapshot(name).commit
    assert new.snapshot(name).commit != commit
    with pytest.raises(UnknownRevisionError, match="before it changed"):
        new.snapshot(commit)


def test_another_dtype_in_the_recipe_is_another_commit_but_where_the_revision_tells_it() -> None:
    layers = document()["weights"]["layers"]
    old, new = repository(), repository(weights={"dtype": "float32", "layers": layers})
    assert old.snapshot("main").commit != new.snapshot("main").commit
    assert old.snapshot("dtype=float16").commit == new.snapshot("dtype=float16").commit


def test_shards_in_another_order_are_another_commit() -> None:
    layers = document()["weights"]["layers"]
    one = repository(shard_bytes=SHARD)
    other = repository(shard_bytes=SHARD, weights={"dtype": "bfloat16", "layers": layers[::-1]})
    assert one.snapshot("main").commit != other.snapshot("main").commit


def test_another_layout_is_another_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = repository().snapshot("main").commit
    monkeypatch.setattr(module, "HUB_LAYOUT", module.HUB_LAYOUT + 1)
    assert repository().snapshot("main").commit != commit


def test_the_commits_of_this_layout() -> None:
    """Raise `HUB_LAYOUT` and tell it here where the files of a recipe change, the card's text included."""
    assert module.HUB_LAYOUT == 1
    found = {name: repository().snapshot(name).commit for name in ("main", "seed-42,dtype=float32")}
    assert found == {
        "main": "005b39ec5635ce0626ab569d0000000000000000",
        "seed-42,dtype=float32": "02a1952981388c927fd856a7000000000000002a",
    }


@pytest.mark.parametrize(
    "text", ["", "seed-", "v1", "refs/pr/1", "f" * 40, "00" + "f" * 38, "09" + "0" * 38, "x" * 500, "0" * 39]
)
def test_unknown_revisions(text: str) -> None:
    with pytest.raises(UnknownRevisionError) as caught:
        repository().snapshot(text)
    assert len(str(caught.value)) < 400


def test_the_commit_that_a_dtype_would_have_were_it_not_the_own_is_unknown() -> None:
    commit = repository().snapshot("main").commit
    code = DTYPE_NAMES.index("bfloat16") + 1
    with pytest.raises(UnknownRevisionError):
        repository().snapshot(f"{code:02x}{commit[2:]}")


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
def test_a_dtype_is_that_of_the_tensors_without_their_own_and_of_the_config(dtype: str) -> None:
    snapshot = repository().snapshot(f"seed-3,dtype={dtype}")
    found = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in tensors(snapshot).items()}
    assert {found.pop(f"layers.{number}.norm.weight") for number in range(4)} == {"float32"}
    assert set(found.values()) == {dtype}
    told = "bfloat16" if "float8" in dtype else dtype  # transformers builds no model in float8
    assert json.loads(snapshot.file("config.json").text or b"")["dtype"] == told


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"torch_dtype": "bfloat16"}, {"torch_dtype": "float16"}),
        ({"dtype": "bfloat16"}, {"dtype": "float16"}),
        ({"dtype": "bfloat16", "torch_dtype": "x"}, {"dtype": "float16", "torch_dtype": "x"}),
        ({}, {"dtype": "float16"}),
    ],
)
def test_where_a_config_tells_its_dtype(config: dict[str, str], expected: dict[str, str]) -> None:
    repo = repository(config=config)
    assert json.loads(repo.snapshot("main").file("config.json").text or b"") == config
    assert json.loads(repo.snapshot("dtype=float16").file("config.json").text or b"") == expected


def test_a_dtype_in_which_the_recipe_does_not_exist() -> None:
    weights = {"layers": [tensor("w", [4], {"kind": "constant", "value": 1e6})]}
    repo = repository(weights=weights)
    with pytest.raises(UnknownRevisionError, match="tests/small does not exist in float16: "):
        repo.snapshot("dtype=float16")
    with pytest.raises(UnknownRevisionError):
        repo.snapshot("05" + repo.snapshot("main").commit[2:])


def test_a_recipe_that_is_at_fault() -> None:
    repo = repository(weights={"layers": [tensor("w", [4], "nirmal")]})
    with pytest.raises(RecipeError, match=r"r\.json has a fault at /weights/layers/0/init"):
        repo.check("r.json")
    with pytest.raises(RecipeError, match="tests/small has a fault at /weights/layers/0/init"):
        repo.snapshot("main")


def test_a_recipe_beyond_the_limits() -> None:
    repo = Repository(recipe(), Limits(file_bytes=1_000), SHARD, RepositoryCaches.of(1_000))
    with pytest.raises(RecipeError, match=r"r\.json is too large"):
        repo.check("r.json")
    with pytest.raises(TooLargeError, match="tests/small is too large for this service"):
        repo.snapshot("main")


def test_the_elements_are_counted_by_dtype() -> None:
    snapshot = repository().snapshot("main")
    assert snapshot.parameters == {"F32": 4 * 16, "BF16": 64 * 16 + 4 * 256 + 8 * 1024 + 64 * 16 + 64}
    assert snapshot.total == sum(snapshot.parameters.values())


def test_seeds_differ_in_the_random_tensors_alone() -> None:
    one, other = (
        repository(shard_bytes=SHARD).snapshot("seed-1"),
        repository(shard_bytes=SHARD).snapshot("seed-2"),
    )
    for name, tensor_ in tensors(one).items():
        assert tensor_.equal(tensors(other)[name]) == name.endswith("norm.weight")
    same = {file.path for file in one.files if file.oid == other.file(file.path).oid}
    assert same == {"config.json", INDEX, "generation_config.json", "notes/a.txt"}


def test_texts_are_identified_as_git_identifies_them() -> None:
    file = repository().snapshot("main").file("notes/a.txt")
    assert file.oid == hashlib.sha1(b"blob 8\0as it is").hexdigest()
    assert isinstance(file, TextFile)


def test_a_snapshot_is_kept() -> None:
    repo = repository()
    snapshot = repo.snapshot("seed-1")
    assert repo.snapshot(snapshot.commit) is snapshot
    assert repo.snapshot("seed=1") is snapshot


def test_nothing_is_kept_where_memory_is_none() -> None:
    repo = repository(tensors=0)
    snapshot = repo.snapshot("seed-1")
    again = repo.snapshot("seed-1")
    assert again is not snapshot
    assert again.commit == snapshot.commit


def test_weights_are_opened_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    repo = repository(shard_bytes=SHARD)
    repo.check("r.json")
    opened: list[str] = []
    real = layout.Shard.open
    monkeypatch.setattr(
        layout.Shard, "open", lambda self, resolved: (opened.append(self.path), real(self, resolved))[1]
    )
    snapshot = repo.snapshot("seed-9")
    assert opened == []
    file = weights_of(snapshot)[1]
    assert file.weights is file.weights
    assert opened == [file.path]


def test_what_is_kept_is_told_without_computing() -> None:
    small, other = repository(), repository(description="Another.")
    for revision in ("seed-7", "seed-7,dtype=float16", "nonsense", "0" * 40, "f" * 40):
        assert small.cached_snapshot(revision) is None
    found = small.snapshot("seed-7")
    for revision in ("seed-7", "seed=7", "refs/heads/seed-7", "seed-7,dtype=bfloat16", found.commit):
        assert small.cached_snapshot(revision) is found
    for revision in ("main", "seed-7,dtype=float16", other.snapshot("seed-7").commit):
        assert small.cached_snapshot(revision) is None


def test_it_says_whether_the_tensors_are_laid_out() -> None:
    small = repository()
    assert small.has_layout("nonsense")
    assert not small.has_layout("main")
    commit = small.snapshot("dtype=float16").commit
    for revision in ("seed-7,dtype=float16", commit, commit[:-1] + "1"):
        assert small.has_layout(revision)
    for revision in ("main", "seed-1,dtype=bfloat16", "dtype=float32", "0" * 40):
        assert not small.has_layout(revision)
