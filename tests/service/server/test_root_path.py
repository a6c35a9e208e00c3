"""The application at a root path, which a proxy removes from URLs."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.http.paths import RootPath, raw_route_path, route_path
from service.server.app import create_app
from service.server.keys import make_key
from service.settings import Settings
from service.worker.clients import CLIENT
from tests.conftest import started
from tests.tensorseed.checkpoints.recipes import document

ROOT = "/tests"  # also the namespace of a repository
QUERY = "/v1/weights?shape=6,4&init=xavier_uniform&seed=42"


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "recipe.json").write_text(json.dumps(document()))
    with started(create_app(Settings.model_construct(threads=1, recipes=folder, root_path=ROOT))) as client:
        yield client


def test_urls_in_answers_begin_with_the_root(below: Any) -> None:
    answer = below.get(QUERY)
    location = answer.headers["content-location"]
    assert location.startswith(f"{ROOT}/v1/weights/")
    assert below.get(location.removeprefix(ROOT)).content == answer.content
    spec = {"layers": [{"name": "w", "type": "Tensor", "shape": [2], "init": "ones"}]}
    assert (
        below.get(below.post("/v1/weights/plan", json=spec).json()["url"].removeprefix(ROOT)).status_code
        == 200
    )


def test_a_repository_may_have_the_name_of_the_root(below: Any) -> None:
    answer = below.get("/tests/small/resolve/main/config.json")
    assert (answer.status_code, answer.json()["model_type"]) == (200, "llama")
    assert below.get("/small/resolve/main/config.json").status_code == 404
    tree = "/api/models/tests/small/tree/refs%2Fpr%2F1"
    assert below.get(tree).headers["x-error-code"] == "RevisionNotFound"
    first = below.get("/api/models/tests/small/tree/main?limit=1")
    assert below.get(urljoin(str(first.url), first.links["next"]["url"])).status_code == 200


def test_errors_have_the_form_of_their_path(below: Any) -> None:
    assert below.get("/v1/nothing").headers["content-type"] == "application/problem+json"
    assert below.get("/datasets/a/resolve/main/b").headers["x-error-code"] == "RepoNotFound"
    assert "GET" in below.post("/healthz").headers["allow"]
    assert below.post("/docs/assets/swagger-ui.css").headers["allow"] == "GET, HEAD"


def test_a_root_that_the_proxy_has_left_is_named(below: Any) -> None:
    detail = below.get(f"{ROOT}/v1/losses").json()["detail"]
    assert detail == f"no such path: the proxy has to remove {ROOT} from it"
    assert "docs" in below.get("/v1/nothing").json()["detail"]


def test_small_files_are_repeated_from_memory(below: Any) -> None:
    path = "/v1/weights?shape=7&init=ones"
    answers = [below.get(path) for _ in range(3)]
    assert len({answer.headers["content-location"] for answer in answers}) == 1
    cache = next(layer for layer in layers(below.app.middleware_stack) if hasattr(layer, "_responses"))
    assert any(key[0] == ROOT for key in cache._responses)


def layers(app: Any) -> Iterator[Any]:
    """The middleware from the outermost on."""
    while app is not None:
        yield app
        app = getattr(app, "_app", None)


def test_documentation_finds_its_parts(below: Any) -> None:
    page = below.get("/docs")
    assert "content-security-policy" in page.headers
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert assets
    for asset in assets:
        assert below.get(urljoin("/docs", asset).removeprefix(ROOT)).status_code == 200
    spec = re.search(r"url: '([^']+)'", page.text)
    assert spec is not None
    assert below.get(spec[1].removeprefix(ROOT)).json()["servers"][0]["url"] == ROOT


def test_metrics_name_routes_and_no_paths(below: Any) -> None:
    below.get(QUERY)
    below.get("/docs/assets/swagger-ui.css")
    text = below.get("/metrics").text
    routes = set(re.findall(r'route="([^"]*)"', text))
    assert {"/v1/weights", "/docs/assets"} <= routes
    assert not any(route.startswith(ROOT) for route in routes)


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ({}, f"{ROOT}/v1/losses"),
        ({"root_path": ROOT}, "/v1/losses"),  # a server that knows it has put it there
    ],
)
def test_the_root_is_put_before_the_path_once(scope: dict[str, Any], path: str) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope)

    given = {"type": "http", "path": "/v1/losses", "raw_path": b"/v1/losses", **scope}
    for asked in (given, {**given, "raw_path": None}, {"type": "lifespan"}):
        asyncio.run(RootPath(app, ROOT)(asked, None, None))  # type: ignore[arg-type]
    assert [found.get("path") for found in seen] == [path, path, None]
    assert seen[0]["raw_path"] == path.encode()
    assert seen[0]["root_path"] == ROOT


@pytest.mark.parametrize(
    ("trusted", "given", "found"),
    [
        ("", {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}, ["127.0.0.1", "http"]),
        ("10.0.0.0/8", {"X-Forwarded-For": "192.0.2.1"}, ["127.0.0.1", "http"]),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}, ["192.0.2.1", "https"]),
        ("127.0.0.0/8,10.0.0.1", {"X-Forwarded-For": "9.9.9.9, 192.0.2.1, 10.0.0.1"}, ["192.0.2.1", "http"]),
        ("::1,*", {"X-Forwarded-For": "192.0.2.1"}, ["192.0.2.1", "http"]),
        (
            "127.0.0.1",
            {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"},
            ["127.0.0.1", "http"],
        ),
    ],
)
def test_a_proxy_is_believed_where_it_is_named(
    start: Callable[..., AbstractContextManager[Any]], trusted: str, given: dict[str, str], found: list[str]
) -> None:
    app = create_app(Settings.model_construct(threads=1, trusted_proxies=trusted))

    async def seen(request: Request) -> JSONResponse:
        assert request.client is not None
        assert CLIENT.get() == tuple(request.client)  # whom the work is charged to
        return JSONResponse([request.client.host, request.scope["scheme"]])

    app.router.routes.insert(0, Route("/seen", seen))
    with start(app) as client:
        assert client.get("/seen", headers=given).json() == found
        location = client.get(QUERY, headers=given).headers["content-location"]
        assert location.startswith("/v1/weights/")


def test_keys_cover_the_same_paths(tmp_path: Path, start: Callable[..., AbstractContextManager[Any]]) -> None:
    keys = tmp_path / "keys"
    made = [make_key("all"), make_key("some", ["losses"])]
    keys.write_text("".join(f"{line}\n" for _, line in made))
    keyed: list[dict[str, str]] = [{}, *({"Authorization": f"Bearer {key}"} for key, _ in made)]
    with start(create_app(Settings.model_construct(threads=1, keys_file=keys, root_path=ROOT))) as client:
        for path, statuses in {
            "/healthz": (200, 200, 200),
            "/docs": (200, 200, 200),
            "/v1/weights?shape=2&init=ones": (401, 200, 403),
            "/metrics": (401, 200, 403),
            "/v1/losses": (401, 200, 200),
            "/tests/small/resolve/main/config.json": (401, 404, 403),
        }.items():
            found = tuple(client.get(path, headers=headers).status_code for headers in keyed)
            assert found == statuses, path


@pytest.mark.parametrize(
    ("scope", "path", "raw"),
    [
        ({"path": "/a b", "raw_path": b"/a%20b"}, "/a b", "/a%20b"),
        ({"path": "/a b"}, "/a b", "/a%20b"),
        ({"path": "/r/a", "raw_path": b"/r/a", "root_path": "/r"}, "/a", "/a"),
        ({"path": "/r/r/a", "raw_path": b"/r/r/a", "root_path": "/r"}, "/r/a", "/r/a"),
        ({"path": "/rest", "raw_path": b"/rest", "root_path": "/r"}, "/rest", "/rest"),
        ({"path": "/r/m/a", "root_path": "/r/m", "app_root_path": "/r"}, "/m/a", "/m/a"),
    ],
)
def test_the_path_below_the_root(scope: dict[str, Any], path: str, raw: str) -> None:
    assert (route_path(scope), raw_route_path(scope)) == (path, raw)
