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
