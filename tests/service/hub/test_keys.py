"""Keys as tokens of the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.server.app import create_app
from service.server.keys import make_key
from service.settings import Settings
from tests.conftest import started

FILE = "/tests/small/resolve/main/config.json"
MODEL = "/api/models/tests/small"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Keys by name, and where their file is."""
    made = {
        "all": make_key("all"),
        "files": make_key("files", ["weights"]),
        "eye": make_key("eye", ["metrics"]),
    }
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text("\n".join(line for _, line in made.values()))
    return {"path": str(path), **{name: key for name, (key, _) in made.items()}}


@pytest.fixture(scope="module")
def guarded(keys: dict[str, str], folder: Path) -> Iterator[Any]:
    """A client of a service with those keys."""
    keys_file, origins = Path(keys["path"]), "https://a.example"
    settings = Settings.model_construct(threads=1, recipes=folder, keys_file=keys_file, cors_origins=origins)
    with started(create_app(settings)) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "path", [FILE, MODEL, "/api/models", "/api/whoami-v2", "/v1/recipes", "/api/nothing"]
)
@pytest.mark.parametrize("headers", [{}, bearer("hf_wrong")])
def test_without_a_key_nothing_is_told(guarded: Any, path: str, headers: dict[str, str]) -> None:
    for answer in (guarded.get(path, headers=headers), guarded.head(path, headers=headers)):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "x-error-code" not in answer.headers


def test_clients_are_told_that_the_key_is_missing_and_not_the_repository(guarded: Any) -> None:
    answer = guarded.get(MODEL)
    assert answer.headers["x-error-message"] == "Invalid credentials in Authorization header"
    assert "HF_TOKEN" in answer.json()["error"]
    assert "HF_TOKEN" in guarded.head(FILE).headers["x-hf-warning"]
    assert guarded.get("/v1/recipes").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["all", "files"])
def test_a_key_opens_what_it_covers(guarded: Any, keys: dict[str, str], name: str) -> None:
    for path in (FILE, MODEL, "/api/models", "/v1/recipes"):
        assert guarded.get(path, headers=bearer(keys[name])).status_code == 200
    assert guarded.get("/api/whoami-v2", headers=bearer(keys[name])).json()["name"] == name


def test_a_key_for_something_else_is_refused_by_its_scope(guarded: Any, keys: dict[str, str]) -> None:
    for path in (FILE, MODEL, "/api/models", "/datasets/a/b/resolve/main/x"):
        answer = guarded.get(path, headers=bearer(keys["eye"]))
        assert answer.status_code == 403
        assert answer.headers["x-error-code"] == "GatedRepo"
        assert "eye does not cover weights" in answer.headers["x-error-message"]
    assert guarded.get("/v1/recipes", headers=bearer(keys["eye"])).status_code == 403
    assert guarded.get("/api/whoami-v2", headers=bearer(keys["eye"])).json()["name"] == "eye"


def test_what_needs_a_key_is_kept_out_of_shared_caches(guarded: Any, keys: dict[str, str]) -> None:
    by_name = guarded.head(FILE, headers=bearer(keys["all"]))
    assert by_name.headers["cache-control"] == "private, no-cache"
    url = f"/tests/small/resolve/{by_name.headers['x-repo-commit']}/config.json"
    by_commit = guarded.head(url, headers=bearer(keys["all"]))
    assert by_commit.headers["cache-control"] == "private, max-age=31536000, immutable"


def test_pages_of_other_origins_see_what_clients_read(guarded: Any, keys: dict[str, str]) -> None:
    answer = guarded.get(FILE, headers={**bearer(keys["all"]), "Origin": "https://a.example"})
    shown = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"etag", "content-range", "link", "x-repo-commit", "x-error-code", "x-error-message"} <= shown


def test_a_service_that_stops_says_so_in_the_clients_words(guarded: Any, keys: dict[str, str]) -> None:
    guarded.app.state.shutdown.draining = True
    try:
        answer = guarded.get(FILE, headers=bearer(keys["all"]))
    finally:
        guarded.app.state.shutdown.draining = False
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "another replica" in answer.json()["error"]
