"""Pages and assets: negotiation, policy, caching, addresses and keys."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from service.explorer.assets import FOLDER
from service.server.app import create_app
from service.server.keys import make_key
from service.server.route_groups import PAGES, RESERVED, needs_key
from service.settings import Settings

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
REPOSITORY = "/tensorseed/tiny-llama"
PAGE_PATHS = (
    "/",
    REPOSITORY,
    f"{REPOSITORY}/",
    f"{REPOSITORY}/tree/main",
    f"{REPOSITORY}/tree/refs%2Fpr%2F1/folder",
    f"{REPOSITORY}/blob/seed-42/config.json",
    f"{REPOSITORY}/blob/seed-42",
)
MAX_PAGE_BYTES = 250_000  # compressed, of everything that the page can load


def assets_of(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', html)


@pytest.fixture(scope="module")
def folder(client: Any) -> str:
    """The address of the assets."""
    (found,) = {asset.rpartition("explorer/")[2].split("/")[0] for asset in assets_of(page(client, "/").text)}
    return f"/explorer/{found}"


def page(client: Any, path: str) -> Any:
    return client.get(path, headers=BROWSER)


@pytest.mark.parametrize("path", PAGE_PATHS)
def test_browsers_get_a_page(client: Any, path: str) -> None:
    answer = page(client, path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "public, no-cache"
    assert answer.headers["vary"] == "Accept"
    head = client.head(path, headers=BROWSER)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]
    cached = client.get(path, headers={**BROWSER, "If-None-Match": answer.headers["etag"]})
    assert (cached.status_code, cached.content) == (304, b"")


@pytest.mark.parametrize("path", PAGE_PATHS)
def test_a_page_runs_nothing_but_its_own_files(client: Any, path: str) -> None:
    answer = page(client, path)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text)


@pytest.mark.parametrize("path", PAGE_PATHS)
def test_a_page_finds_its_files_from_where_it_is(client: Any, path: str) -> None:
    assets = assets_of(page(client, path).text)
    assert len(assets) > 5
    for asset in assets:
        assert not asset.startswith("/"), "a proxy may remove a prefix that the service does not know"
        assert client.get(urljoin(path, asset)).status_code == 200


def test_a_root_path_is_written_in_full(start: Callable[..., AbstractContextManager[Any]]) -> None:
    with start(create_app(Settings.model_construct(threads=1, root_path="/below"))) as below:
        for asset in assets_of(page(below, "/").text):
            assert asset.startswith("/below/explorer/")
            assert below.get(asset.removeprefix("/below")).status_code == 200
        assert below.get("/").json()["documentation"] == "/below/docs"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5"])
def test_programs_get_an_index(client: Any, accept: str) -> None:
    answer = client.get("/", headers={"Accept": accept})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "Accept"
    for key, path in answer.json().items():
        assert key == "name" or client.get(path).status_code == 200, path


def test_programs_get_no_page_of_a_repository(client: Any) -> None:
    for path in (REPOSITORY, "/a/b", "/a/b/tree/main", "/a/b/blob/main/f"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert "/docs" in answer.json()["detail"]


def test_an_unknown_repository_is_404_with_a_page(client: Any) -> None:
    answer = page(client, "/tensorseed/no-such-model")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert page(client, "/openai-community/gpt2").status_code == 200, "an alias"


def test_assets_never_change_at_their_address(client: Any, folder: str) -> None:
    answer = client.get(f"{folder}/app.js", headers={"Accept-Encoding": "identity"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == (FOLDER / "app.js").read_bytes()
    for unknown in (
        f"{folder}/none.js",
        f"{folder}/..%2Froutes.py",
        f"{folder}/index.html",
        "/explorer/0/app.js",
    ):
        assert client.get(unknown).status_code == 404, unknown


@pytest.mark.parametrize(
    ("field", "coding"), [("gzip, br", "gzip"), ("br", None), ("gzip;q=0", None), ("GZIP;q=0.5", "gzip")]
)
def test_assets_are_compressed(client: Any, folder: str, field: str, coding: str | None) -> None:
    answer = client.get(f"{folder}/vendor/plot.js", headers={"Accept-Encoding": field})
    assert answer.headers.get("content-encoding") == coding
    assert answer.content == (FOLDER / "vendor" / "plot.js").read_bytes()
    size = int(answer.headers["content-length"])
    assert (size < 100_000) == (coding == "gzip")
    assert client.head(f"{folder}/vendor/plot.js", headers={"Accept-Encoding": field}).headers[
        "content-length"
    ] == str(size)


def test_the_page_is_small() -> None:
    loaded = [path for path in FOLDER.rglob("*") if path.suffix in {".html", ".js", ".css", ".svg"}]
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in loaded) < MAX_PAGE_BYTES


def test_every_module_that_is_imported_is_there() -> None:
    sources = [path for path in FOLDER.rglob("*.js") if path.parent.name != "vendor"]
    assert sources
    for path in sources:
        for name in re.findall(r'(?:\bfrom |\bimport\(|^import )"(\.[^"]+)"', path.read_text(), re.MULTILINE):
            assert (path.parent / name).is_file(), f"{path.name} imports {name}"


def test_no_file_of_the_page_asks_another_host() -> None:
    for path in FOLDER.rglob("*"):
        if path.suffix in {".js", ".css", ".html"} and path.parent.name != "vendor":
            hosts = set(re.findall(r"\bhttps?://[^\s\"'`)<>]+", path.read_text()))
            assert not hosts - {"http://www.w3.org/2000/svg"}, path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """A client of a service with keys, and one of them."""
    from tests.conftest import started

    key, line = make_key("all")
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"{line}\n")
    with started(create_app(Settings.model_construct(threads=1, keys_file=keys))) as client:
        yield client, key


def test_the_page_needs_no_key_and_its_data_do(guarded: tuple[Any, str]) -> None:
    client, key = guarded
    for path in ("/", REPOSITORY, "/tensorseed/no-such-model"):
        answer = page(client, path)
        assert answer.status_code == 200, "it does not say which repositories there are"
        for asset in assets_of(answer.text):
            assert client.get(urljoin(path, asset)).status_code == 200
    for path in ("/v1/schemes", f"/v1/recipes{REPOSITORY}", f"{REPOSITORY}/resolve/main/config.json"):
        assert client.get(path, headers=BROWSER).status_code == 401
        assert client.get(path, headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_pages_take_no_path_of_the_service() -> None:
    for name in set(RESERVED) - {"explorer"}:
        for path in (f"/{name}", f"/{name}/b", f"/{name}/b/tree/main"):
            assert not PAGES.owns(path)
    for path in (
        "/metrics",
        "/v1/losses",
        "/a/resolve/main/f",
        "/a/raw/tree/f",
        "/a/resolve/tree/f",
        "/nothing",
    ):
        assert not PAGES.owns(path)
        assert needs_key(path)


def test_packages_hold_every_file() -> None:
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert '"explorer/static/**/*"' in text
