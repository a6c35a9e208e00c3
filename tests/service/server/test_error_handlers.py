"""Problem kinds of all errors, and answers without internals."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from fastapi import FastAPI

from service.http import errors as exchange
from service.server.error_handlers import PROBLEMS, answer_to, install_handlers
from tensorseed import errors as core
from tensorseed.checkpoints import errors as hub
from tensorseed.checkpoints.derivation import errors as derivation

Start = Callable[[FastAPI], AbstractContextManager]


IN_PROCESS = (core.ModuleError, core.TensorError)  # of modules and tensors, which no request holds


def classes(module: object, base: type) -> list[type]:
    bases = (base, core.TensorseedError, hub.CheckpointError)
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base) and cls not in (*bases, *IN_PROCESS)
    ]


@pytest.mark.parametrize(
    "cls",
    [
        *classes(core, core.TensorseedError),
        *classes(hub, core.TensorseedError),
        *classes(derivation, core.TensorseedError),
        *classes(exchange, exchange.ExchangeError),
    ],
    ids=lambda cls: cls.__name__,
)
def test_every_error_has_a_row(cls: type[Exception]) -> None:
    assert cls in PROBLEMS.kinds


def test_types_are_unique_and_titles_are_short() -> None:
    assert len({kind.type for kind in PROBLEMS.kinds.values()}) == len(PROBLEMS.kinds)
    for kind in PROBLEMS.kinds.values():
        assert kind.type.startswith("urn:tensorseed:problem:")
        assert len(kind.title) <= 50
        assert 400 <= kind.status <= 599


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI(openapi_url=None, redirect_slashes=False)

    @app.get("/things/{number}")
    async def thing(number: int) -> int:
        return 1 // number

    @app.put("/things/{number}")
    async def put_thing(number: int) -> int:
        return number

    install_handlers(app)
    return app


def test_what_the_framework_raises_is_a_problem_too(app: FastAPI, start: Start) -> None:
    with start(app) as client:
        missing = client.get("/nothing")
        method = client.post("/things/1")
        validation = client.get("/things/pydantic")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:tensorseed:problem:unknown-path")
    assert (method.status_code, method.json()["type"]) == (405, "urn:tensorseed:problem:unknown-method")
    assert method.headers["allow"] == "GET, PUT"
    assert validation.status_code == 422
    assert validation.json()["errors"] == [
        {"parameter": "number", "detail": "this value is not valid: see /docs for what is"}
    ]
    for response in (missing, method, validation):
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/docs/assets/", "/docs/assets/swagger-ui.css"])
def test_a_folder_of_files_has_its_methods(client: Any, path: str) -> None:
    response = client.request("DELETE", path)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"
    assert response.json()["detail"] == "this path has the methods GET, HEAD"


def test_an_unexpected_fault_says_nothing_of_the_inside(app: FastAPI, start: Start) -> None:
    with start(app) as client:
        response = client.get("/things/0")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:tensorseed:problem:internal-error"
    assert "division" not in response.text
    assert "Error" not in response.text


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/v1/weights", "application/problem+json"),
        ("/v1/recipes/a", "application/problem+json"),
        ("/nothing", "application/problem+json"),
        ("/api/models/a", "application/json"),
        ("/a/b/resolve/main/f", "application/json"),
    ],
)
def test_the_path_selects_the_format(path: str, media_type: str) -> None:
    response = answer_to(core.TooLargeError("too large"), {"path": path, "method": "GET"})
    assert (response.status_code, response.media_type) == (413, media_type)
