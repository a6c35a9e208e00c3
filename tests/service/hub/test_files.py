"""Files of repositories, as clients of the Hub read them."""

from __future__ import annotations

import hashlib
import json
import math
from functools import cached_property
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import safetensors
from hypothesis import given
from hypothesis import strategies as st

from service.http.memory import MemoryBudget, MemoryLease
from service.hub.weights import open_weights
from tensorseed.errors import TooLargeError
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec

SMALL = "/tests/small/resolve/main"
WEIGHTS = f"{SMALL}/model.safetensors"
INDEX = "model.safetensors.index.json"
PARTS = ("tests", "small", "resolve", "raw", "main", "seed=1", "config.json", "tree", "revision", "..", "")


def commit_of(hub: Any, revision: str = "main") -> str:
    return hub.get(f"/api/models/tests/small/revision/{revision}").json()["sha"]


@pytest.mark.parametrize("name", ["config.json", "README.md", "notes/a.txt", "model.safetensors"])
def test_head_tells_what_get_sends(hub: Any, name: str) -> None:
    head, get = hub.head(f"{SMALL}/{name}"), hub.get(f"{SMALL}/{name}")
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    for field in (
        "etag",
        "content-length",
        "x-repo-commit",
        "accept-ranges",
        "content-type",
        "cache-control",
    ):
        assert head.headers[field] == get.headers[field]
    assert int(get.headers["content-length"]) == len(get.content)
    assert get.headers["x-repo-commit"] == commit_of(hub)
    assert "content-encoding" not in get.headers
    assert not [field for field in get.headers if field.startswith(("x-xet", "x-linked"))]


def test_texts_are_what_the_recipe_says_and_named_as_git_names_them(hub: Any) -> None:
    answer = hub.get(f"{SMALL}/notes/a.txt")
    assert answer.text == "as it is"
    assert answer.headers["etag"] == f'"{hashlib.sha1(b"blob 8" + bytes(1) + answer.content).hexdigest()}"'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''a.txt"
    assert hub.get(f"{SMALL}/config.json").json()["model_type"] == "llama"


def test_a_browser_saves_what_is_asked_for_as_a_download(hub: Any) -> None:
    answer = hub.get(f"{SMALL}/config.json?download=true")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''config.json"
    assert answer.content == hub.get(f"{SMALL}/config.json?download=false").content


def test_weights_are_a_file_of_safetensors(hub: Any) -> None:
    content = hub.get(WEIGHTS).content
    tensors = dict(safetensors.deserialize(content))
    elements = sum(math.prod(tensor["shape"]) for tensor in tensors.values())
    assert hub.get("/api/models/tests/small").json()["safetensors"]["total"] == elements
    assert tensors["embed.weight"]["shape"] == [64, 16]
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert header["__metadata__"]["format"] == "pt"


def test_any_range_is_that_of_the_whole(hub: Any) -> None:
    whole = hub.get(WEIGHTS).content
    size = len(whole)
    for text, start, stop in (("0-0", 0, 1), ("8-99", 8, 100), (f"{size - 5}-", size - 5, size)):
        answer = hub.get(WEIGHTS, headers={"Range": f"bytes={text}"})
        assert answer.status_code == 206
        assert answer.content == whole[start:stop]
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["x-repo-commit"]
    beyond = hub.get(WEIGHTS, headers={"Range": f"bytes=20000-{10 * size}"})
    assert (beyond.status_code, beyond.content) == (206, whole[20_000:])
    several = hub.get(WEIGHTS, headers={"Range": "bytes=0-9,9000-9009"})
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert whole[9_000:9_010] in several.content


def test_a_range_of_a_text(hub: Any) -> None:
    answer = hub.get(f"{SMALL}/notes/a.txt", headers={"Range": "bytes=3-4"})
    assert (answer.status_code, answer.text) == (206, "it")
    several = hub.get(f"{SMALL}/README.md", headers={"Range": "bytes=0-2,200-202"})
    assert several.status_code == 206
    assert several.content.count(b"Content-Range") == 2


def test_a_range_past_the_end_is_refused_as_clients_expect(hub: Any) -> None:
    size = len(hub.get(WEIGHTS).content)
    answer = hub.get(WEIGHTS, headers={"Range": f"bytes={size}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{size}"
    assert answer.headers["x-repo-commit"] == commit_of(hub)
    assert str(size) in answer.json()["error"]


def test_what_is_known_already_is_not_sent(hub: Any) -> None:
    first = hub.get(WEIGHTS)
    again = hub.get(WEIGHTS, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-repo-commit"] == first.headers["x-repo-commit"]


def test_a_commit_is_for_good_and_a_name_is_asked_for_again(hub: Any) -> None:
    commit = commit_of(hub, "seed-42")
    by_name = hub.get("/tests/small/resolve/seed%3D42/model.safetensors")
    by_commit = hub.get(f"/tests/small/resolve/{commit}/model.safetensors")
    assert by_name.content == by_commit.content
    assert by_name.headers["x-repo-commit"] == by_commit.headers["x-repo-commit"] == commit
    assert by_name.headers["cache-control"] == "public, no-cache"
    assert by_commit.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_seeds_and_dtypes_are_revisions(hub: Any) -> None:
    tags = {
        revision: hub.head(f"/tests/small/resolve/{revision}/model.safetensors").headers["etag"]
        for revision in ("main", "seed-1", "seed-2", "seed=1", "seed=1,dtype=float32", "dtype=float32")
    }
    assert tags.pop("seed=1") == tags["seed-1"]
    assert len(set(tags.values())) == len(tags)
    assert (
        tags["main"] == hub.head("/tests/small/resolve/refs%2Fheads%2Fmain/model.safetensors").headers["etag"]
    )


def test_a_repository_without_a_namespace(hub: Any) -> None:
    assert hub.get("/alone/resolve/main/config.json").json() == {"model_type": "whatever"}
    assert hub.head("/alone/resolve/main/config.json").status_code == 200
    assert hub.head("/alone/raw/main/config.json").status_code == 200


def test_the_other_address_of_a_file(hub: Any) -> None:
    assert hub.get("/tests/small/raw/main/config.json").content == hub.get(f"{SMALL}/config.json").content
    assert hub.head("/tests/small/raw/main/nothing.txt").status_code == 404


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("/tests/nothing/resolve/main/config.json", "RepoNotFound"),
        ("/tests/small/resolve/nothing/config.json", "RevisionNotFound"),
        (f"/tests/small/resolve/{'0' * 40}/config.json", "RevisionNotFound"),
        (f"{SMALL}/nothing.json", "EntryNotFound"),
        (f"{SMALL}/notes", "EntryNotFound"),
        (f"{SMALL}/..%2Fconfig.json", "EntryNotFound"),
        (f"{SMALL}/%2Fetc%2Fpasswd", "EntryNotFound"),
    ],
)
def test_what_is_not_there_is_told_by_a_code(hub: Any, url: str, code: str) -> None:
    get, head = hub.get(url), hub.head(url)
    assert get.status_code == head.status_code == 404
    assert get.headers["x-error-code"] == head.headers["x-error-code"] == code
    assert get.headers["x-error-message"] == head.headers["x-error-message"]
    assert get.json()["error"]
    assert head.content == b""
    assert "content-type" not in head.headers
    assert (get.headers.get("x-repo-commit") is not None) is (code == "EntryNotFound")


def test_head_computes_no_weights(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorseed.checkpoints.repo_files import WeightsFile

    def opened(self: WeightsFile) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(WeightsFile, "weights", property(opened))
    assert hub.head("/tests/small/resolve/seed-99/model.safetensors").status_code == 200
    assert hub.get("/tests/small/resolve/seed-99/model.safetensors").status_code == 500


def test_one_stream_more_than_may_be_is_asked_to_come_back(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.app.state.streams, "limit", 0)
    busy = hub.get("/tests/small/resolve/seed-98/model.safetensors")
    assert busy.status_code == 429
    assert busy.headers["retry-after"] == "1"
    assert busy.headers["x-repo-commit"]
    assert "try again" in busy.json()["error"]
    assert hub.head(WEIGHTS).status_code == hub.get(f"{SMALL}/config.json").status_code == 200


def test_nothing_is_written(hub: Any) -> None:
    for method in ("PUT", "POST", "DELETE", "PATCH", "OPTIONS"):
        answer = hub.request(method, f"{SMALL}/config.json")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"
        assert answer.json()["error"]


def test_shards_and_their_headers(hub: Any) -> None:
    index = hub.get(f"/tests/sharded/resolve/main/{INDEX}").json()
    shards = sorted(set(index["weight_map"].values()))
    assert len(shards) > 1
    answer = hub.get(f"/api/models/tests/sharded/safetensors-metadata/{INDEX}").json()
    assert answer["index"] == {"metadata": index["metadata"]}
    assert sorted(answer["headers"]) == shards
    for shard, header in answer["headers"].items():
        content = hub.get(f"/tests/sharded/resolve/main/{shard}").content
        assert orjson.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]) == header
        names = {name for name, _ in safetensors.deserialize(content)}
        assert names == {name for name, place in index["weight_map"].items() if place == shard}


@pytest.mark.parametrize("url", ["tests/small/safetensors-metadata/" + INDEX])
def test_headers_are_those_of_shards_alone(hub: Any, url: str) -> None:
    assert hub.get(f"/api/models/{url}").headers["x-error-code"] == "EntryNotFound"
    other = hub.get("/api/models/tests/sharded/safetensors-metadata/config.json")
    assert other.headers["x-error-code"] == "EntryNotFound"
    assert INDEX in other.json()["error"]


@given(
    st.sampled_from(["/", "/api/models/", "/v1/recipes/", "/api/"]),
    st.lists(st.one_of(st.sampled_from(PARTS), st.text(max_size=8)), max_size=7),
    st.sampled_from(["GET", "HEAD", "POST"]),
)
def test_whatever_is_asked_is_answered_or_refused(
    hub: Any, start: str, parts: list[str], method: str
) -> None:
    url = start + "/".join(quote(part, safe="") for part in parts)
    answer = hub.request(method, f"http://test{url}")  # a path of two slashes is no URL by itself
    assert answer.status_code in {200, 307, 400, 404, 405, 415, 422}, url
    if answer.status_code >= 400 and method != "HEAD":
        assert set(answer.json()) >= {"error"} or answer.headers["content-type"] == "application/problem+json"


class LazyFile:
    """A file of a repository whose weights are opened when first read."""

    text = None

    @cached_property
    def weights(self) -> VirtualFile:
        layer = {"name": "w", "type": "Tensor", "shape": [2], "init": "ones"}
        return open_file(parse_spec(json.dumps({"layers": [layer]}).encode(), Limits()))


def test_weights_that_find_no_memory_are_not_kept() -> None:
    """The next request would read them without taking any."""
    file, budget = LazyFile(), MemoryBudget(1 << 20)
    with pytest.raises(TooLargeError):
        open_weights(file, MemoryLease(MemoryBudget(1)))
    open_weights(file, MemoryLease(budget))
    assert budget.used > 0
