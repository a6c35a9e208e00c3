"""Repositories as clients of the Hub are told of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import pytest
import yaml

from service.hub.schemas import WHEN, Commit, ListedModel, ModelInfo, Refs, Whoami

MODEL = "/api/models/tests/small"


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200
    return [model["id"] for model in answer.json()]


def test_a_repository(hub: Any) -> None:
    info = hub.get(f"{MODEL}?blobs=true").json()
    ModelInfo.model_validate(info)
    assert info["id"] == info["modelId"] == "tests/small"
    assert info["author"] == "tests"
    assert info["private"] is info["gated"] is False
    assert info["config"] == {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    assert info["pipeline_tag"] == "text-generation"
    card = hub.get("/tests/small/raw/main/README.md").text
    assert yaml.safe_load(card.split("---\n")[1]) == info["cardData"]
    assert info["lastModified"] == WHEN
    assert len(info["_id"]) == 24
    tree = hub.get(f"{MODEL}/tree/main?recursive=true").json()
    files = {entry["path"]: (entry["size"], entry["oid"]) for entry in tree if entry["type"] == "file"}
    assert {row["rfilename"]: (row["size"], row["blobId"]) for row in info["siblings"]} == files
    assert info["safetensors"]["total"] == sum(info["safetensors"]["parameters"].values())
    assert info["usedStorage"] == sum(size for size, _ in files.values())


def test_a_repository_without_a_namespace_or_a_known_task(hub: Any) -> None:
    info = hub.get("/api/models/alone").json()
    ModelInfo.model_validate(info)
    assert info["author"] is None
    assert info["pipeline_tag"] is None
    assert info["config"] == {"model_type": "whatever", "architectures": []}


@pytest.mark.parametrize("revision", ["seed-42", "seed%3D42", "seed=42", "refs%2Fheads%2Fseed-42"])
def test_a_revision_in_every_spelling(hub: Any, revision: str) -> None:
    info = hub.get(f"{MODEL}/revision/{revision}").json()
    assert info["sha"].endswith("000000000000002a")
    assert hub.get(f"{MODEL}/revision/{info['sha']}").json() == info
    assert info["sha"] != hub.get(MODEL).json()["sha"]


@pytest.mark.parametrize("name", ["Published/Model", "published/model", "bare", "Tests/Sharded"])
def test_an_alias_stands_for_the_id(hub: Any, name: str) -> None:
    """In place: a redirect would lose the commit, and answers have the id."""
    info = hub.get(f"/api/models/{name}/revision/seed-7").json()
    assert info == hub.get("/api/models/tests/sharded/revision/seed-7").json()
    assert (info["id"], info["aliases"]) == ("tests/sharded", ["Published/Model", "bare"])
    for file in info["siblings"]:
        path = f"resolve/seed-7/{file['rfilename']}"
        one, other = hub.get(f"/{name}/{path}"), hub.get(f"/tests/sharded/{path}")
        assert one.content == other.content
        for field in ("x-repo-commit", "etag", "content-length"):
            assert one.headers[field] == other.headers[field]
    tree = "tree/seed-7?recursive=true"
    assert hub.get(f"/api/models/{name}/{tree}").json() == hub.get(f"/api/models/tests/sharded/{tree}").json()
    assert hub.get(f"/v1/recipes/{name}").json()["id"] == "tests/sharded"


def test_clients_may_ask_for_fields(hub: Any) -> None:
    whole = hub.get(f"{MODEL}/revision/main").json()
    assert hub.get(f"{MODEL}/revision/main?expand=sha&expand=siblings&expand=gated").json() == whole


def test_refs_and_commits(hub: Any) -> None:
    refs = hub.get(f"{MODEL}/refs").json()
    Refs.model_validate(refs)
    sha = hub.get(MODEL).json()["sha"]
    assert refs["branches"] == [{"name": "main", "ref": "refs/heads/main", "targetCommit": sha}]
    (commit,) = hub.get(f"{MODEL}/commits/{sha}").json()
    Commit.model_validate(commit)
    assert commit["id"] == sha
    assert commit["title"] == "tests/small at main"
    assert hub.get(f"{MODEL}/commits/seed-3").json()[0]["title"] == "tests/small at seed-3"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("tests/nothing", "RepoNotFound"),
        ("tests", "RepoNotFound"),
        ("v1/small", "RepoNotFound"),
        ("tests/nothing/revision/main", "RepoNotFound"),
        ("tests/small/revision/nothing", "RevisionNotFound"),
        ("tests/small/commits/nothing", "RevisionNotFound"),
        ("tests/nothing/refs", "RepoNotFound"),
        ("tests/small/tree/nothing", "RevisionNotFound"),
        ("tests/nothing/auth-check", "RepoNotFound"),
    ],
)
def test_what_is_not_there(hub: Any, path: str, code: str) -> None:
    for answer in (hub.get(f"/api/models/{path}"), hub.head(f"/api/models/{path}")):
        assert answer.status_code == 404
        assert answer.headers["x-error-code"] == code


@pytest.mark.parametrize("revision", ["seed-1,dtype=int8", "dtype=int8"])
def test_an_unknown_dtype_is_named_with_those_there_are(hub: Any, revision: str) -> None:
    answer = hub.head(f"/tests/small/resolve/{revision}/config.json")
    assert answer.headers["x-error-code"] == "RevisionNotFound"
    assert "'int8': the dtypes are float64, float32," in answer.headers["x-error-message"]


def test_the_list(hub: Any) -> None:
    answer = hub.get("/api/models?author=tests")
    assert ids(answer) == ["tests/sharded", "tests/small"]
    for row in answer.json():
        ListedModel.model_validate(row)
    assert "alone" in ids(hub.get("/api/models"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("search=SMALL&author=tests", ["tests/small"]),
        ("author=Tests", ["tests/sharded", "tests/small"]),
        ("author=Published", ["tests/sharded"]),
        ("search=hed/mod", ["tests/sharded"]),
        ("author=tests&filter=llama&filter=text-generation", ["tests/sharded", "tests/small"]),
        ("author=tests&filter=bert", []),
        ("author=tests&pipeline_tag=text-generation&limit=1", ["tests/sharded"]),
        ("author=tests&pipeline_tag=fill-mask", []),
        ("author=tests&gated=True", []),
        ("author=tests&gated=False&expand=likes&sort=downloads&search=shard", ["tests/sharded"]),
        ("author=tests&inference=warm", []),
    ],
)
def test_the_list_can_be_narrowed(hub: Any, query: str, expected: list[str]) -> None:
    assert ids(hub.get(f"/api/models?{query}")) == expected


def test_the_whole_list_has_commits_and_files(hub: Any) -> None:
    for row in hub.get("/api/models?author=tests&full=True").json():
        ListedModel.model_validate(row)
        info = hub.get(f"/api/models/{row['id']}").json()
        assert row["sha"] == info["sha"]
        assert row["siblings"] == [{"rfilename": file["rfilename"]} for file in info["siblings"]]
    assert "siblings" not in hub.get("/api/models?author=tests").json()[0]


@pytest.mark.parametrize("path", ["/api/datasets?limit=2", "/api/spaces"])
def test_lists_of_other_kinds_are_empty(hub: Any, path: str) -> None:
    answer = hub.get(path)
    assert (answer.status_code, answer.json()) == (200, [])


def test_the_list_has_pages(hub: Any) -> None:
    first = hub.get("/api/models?author=tests&limit=1")
    assert ids(hub.get(urljoin("/api/models", first.links["next"]["url"]))) == ["tests/small"]


def test_without_keys_everybody_is_the_same(hub: Any) -> None:
    answer = hub.get("/api/whoami-v2", headers={"Authorization": "Bearer hf_anything"}).json()
    Whoami.model_validate(answer)
    assert answer["name"] == "anonymous"
    assert answer["auth"]["accessToken"]["role"] == "read"


def test_who_is_answered_may_read(hub: Any) -> None:
    assert hub.get(f"{MODEL}/auth-check").json() == {"access": "read"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/repos/create", 404),
        ("POST", f"{MODEL}/commit/main", 404),
        ("POST", MODEL, 405),
        ("DELETE", MODEL, 405),
        ("PUT", f"{MODEL}/settings", 404),
        ("GET", f"{MODEL}/discussions", 404),
        ("GET", "/api/models/tests/small/xet-read-token/main", 404),
    ],
)
def test_there_is_nothing_else(hub: Any, method: str, path: str, status: int) -> None:
    answer = hub.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]
    assert "x-error-code" not in answer.headers


@pytest.mark.parametrize("path", ["/api/datasets/tests/small", "/datasets/tests/small/resolve/main/x"])
def test_there_are_models_alone(hub: Any, path: str) -> None:
    assert hub.get(path).headers["x-error-code"] == "RepoNotFound"
