"""Generated texts of a repository: made off the event loop, and once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from service.server.app import create_app
from service.settings import Settings
from tensorseed.checkpoints import generated_files
from tensorseed.checkpoints.generated_texts import GeneratedText
from tensorseed.checkpoints.recipe import Recipe
from tensorseed.checkpoints.repo_files import GeneratedFile
from tensorseed.checkpoints.repository import Repository
from tensorseed.checkpoints.snapshot import Snapshot
from tests.conftest import started

TEXT = b"0123456789" * 20_000
OID = hashlib.sha1(b"blob 200000\0" + TEXT).hexdigest()
FILE = "/tests/small/resolve/seed-3/tokens/a.json"


@pytest.fixture
def makers() -> list[threading.Thread]:
    """The threads that have made the text."""
    return []


@pytest.fixture
def served(folder: Path, makers: list[threading.Thread], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a service whose repositories have a generated text."""

    def make() -> bytes:
        makers.append(threading.current_thread())
        return TEXT

    def texts(_recipe: Recipe) -> Mapping[str, GeneratedText]:
        return {"tokens/a.json": GeneratedText("a v1", make)}

    monkeypatch.setattr(generated_files, "SOURCES", (texts,))
    with started(create_app(Settings.model_construct(threads=2, recipes=folder))) as client:
        yield client


def test_it_is_made_once_when_it_is_needed(served: Any, makers: list[threading.Thread]) -> None:
    assert served.head("/tests/small/resolve/seed-3/model.safetensors").status_code == 200
    assert served.get("/tests/small/resolve/seed-3/model.safetensors").status_code == 200
    assert served.get("/tests/small/resolve/seed-3/config.json").status_code == 200
    assert makers == []
    head = served.head(FILE)
    assert (head.headers["etag"], head.headers["content-length"]) == (f'"{OID}"', "200000")
    assert served.get(FILE).content == TEXT
    part = served.get(FILE, headers={"Range": "bytes=199995-"})
    assert (part.status_code, part.content) == (206, b"56789")
    assert served.get(FILE, headers={"If-None-Match": f'"{OID}"'}).status_code == 304
    assert len(makers) == 1
    assert makers[0] is not threading.main_thread()


@pytest.mark.parametrize("request_", ["tree", "paths-info", "models", "revision", "recipe"])
def test_listings_tell_size_and_object_id(request_: str, served: Any, makers: list[threading.Thread]) -> None:
    api = "/api/models/tests/small"
    if request_ == "tree":
        rows = served.get(f"{api}/tree/main/tokens").json()
    elif request_ == "paths-info":
        rows = served.post(f"{api}/paths-info/main", json={"paths": ["tokens/a.json"]}).json()
    elif request_ == "recipe":
        rows = served.get("/v1/recipes/tests/small").json()["listing"]
    else:
        url = api if request_ == "models" else f"{api}/revision/seed-3"
        rows = [
            {"path": row["rfilename"], "size": row["size"], "oid": row["blobId"]}
            for row in served.get(url).json()["siblings"]
        ]
    (row,) = [row for row in rows if row["path"] == "tokens/a.json"]
    assert (row["size"], row["oid"]) == (200_000, OID)
    assert len(makers) == 1


def test_a_condition_that_ends_the_answer_reads_no_text(
    served: Any, makers: list[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served.head(FILE).status_code == 200
    monkeypatch.setattr(GeneratedFile, "cached_text", None)
    monkeypatch.setattr(GeneratedFile, "read", None)
    assert served.get(FILE, headers={"If-None-Match": f'"{OID}"'}).status_code == 304
    assert served.get(FILE, headers={"If-Match": '"else"'}).status_code == 412
    assert len(makers) == 1


def test_the_list_of_recipes_makes_no_text(served: Any, makers: list[threading.Thread]) -> None:
    rows = {row["id"]: row for row in served.get("/v1/recipes").json()}
    assert makers == []
    listing = served.get("/v1/recipes/tests/small").json()["listing"]
    weights = [file["size"] for file in listing if file["path"].endswith(".safetensors")]
    assert rows["tests/small"]["size"] == sum(weights)


def test_a_text_that_cannot_be_made_costs_no_other_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> bytes:
        raise KeyError("translate")

    def texts(recipe: Recipe) -> Mapping[str, GeneratedText]:
        if recipe.id == "tests/sharded":
            raise TypeError(recipe.id)
        return {"a.json": GeneratedText("a v1", make), "b.json": GeneratedText("b v1", lambda: b"{}")}

    monkeypatch.setattr(generated_files, "SOURCES", (texts,))
    api = "/api/models/tests/small"
    with started(create_app(Settings.model_construct(threads=2, recipes=folder))) as client:
        assert "tests/small" in [row["id"] for row in client.get("/v1/recipes").json()]
        listed = [row["path"] for row in client.get("/v1/recipes/tests/small").json()["listing"]]
        assert listed == [row["rfilename"] for row in client.get(api).json()["siblings"]]
        rows = [*client.get(f"{api}/tree/main").json(), *client.get(f"{api}/tree/main/notes").json()]
        assert listed == sorted(row["path"] for row in rows if row["type"] == "file")
        assert ("a.json" in listed, "b.json" in listed) == (False, True)
        for ask in (client.get, client.head):
            answer = ask("/tests/small/resolve/main/a.json")
            assert (answer.status_code, answer.headers["x-error-code"]) == (404, "EntryNotFound")
        assert client.get("/tests/small/resolve/main/b.json").content == b"{}"
        assert client.get("/api/models/tests/sharded/tree/main").status_code == 200


def test_a_recipe_that_cannot_be_read_costs_the_lists_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = Repository.snapshot

    def fails(repository: Repository, revision: str) -> Snapshot:
        if repository.id == "tests/small":
            raise KeyError(revision)
        return snapshot(repository, revision)

    monkeypatch.setattr(Repository, "snapshot", fails)
    with started(create_app(Settings.model_construct(threads=2, recipes=folder))) as client:
        ids = [row["id"] for row in client.get("/v1/recipes").json()]
        assert ("tests/small" in ids, "tests/sharded" in ids) == (False, True)
        rows = {row["id"]: row for row in client.get("/api/models?full=true&author=TESTS").json()}
        assert ("sha" in rows["tests/small"], "sha" in rows["tests/sharded"]) == (False, True)


def test_no_list_names_a_text_that_cannot_be_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> bytes:
        raise ValueError("an odd config")

    texts = {"a.json": GeneratedText("none v1", make), "b.json": GeneratedText("b v1", lambda: b"{}")}
    monkeypatch.setattr(generated_files, "SOURCES", (lambda _recipe: texts,))
    with started(create_app(Settings.model_construct(threads=2, recipes=folder))) as client:
        for row in client.get("/api/models?author=tests&full=true").json():
            names = {file["rfilename"] for file in row["siblings"]}
            assert ("a.json" in names, "b.json" in names) == (False, True)
            assert client.get(f"/{row['id']}/resolve/main/a.json").status_code == 404
