"""Errors become problem documents (RFC 9457), and nothing internal becomes part of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from fastapi import FastAPI

from service.http import errors as exchange
from service.http.problems import MAX_FAULTS
from service.server.error_handlers import PROBLEMS, install_handlers
from tensorseed import errors as core
from tensorseed.checkpoints import errors as hub
from tensorseed.errors import Fault

Start = Callable[[FastAPI], AbstractContextManager]


def classes(module: object, base: type) -> list[type]:
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base) and cls not in (base, core.TensorseedError, hub.CheckpointError)
    ]


@pytest.mark.parametrize(
    "cls",
    [
        *classes(core, core.TensorseedError),
        *classes(hub, core.TensorseedError),
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


def body(error: Exception) -> dict:
    import orjson

    return orjson.loads(PROBLEMS.response(error, {}).body)


def test_a_spec_fault_is_a_pointer() -> None:
    document = body(core.SpecError.at("/layers/0/shape/1", "a dimension is at least 0"))
    assert document == {
        "type": "urn:tensorseed:problem:invalid-spec",
        "title": "The spec is not valid",
        "status": 422,
        "detail": "a dimension is at least 0",
        "errors": [{"pointer": "/layers/0/shape/1", "detail": "a dimension is at least 0"}],
    }


def test_a_query_fault_is_a_parameter() -> None:
    document = body(exchange.QueryError.at("a/b", "unknown"))
    assert document["status"] == 422
    assert document["errors"] == [{"parameter": "a/b", "detail": "unknown"}]
    assert body(core.SliceError("too long"))["errors"] == [{"parameter": "slice", "detail": "too long"}]


def test_a_long_list_of_faults_is_cut() -> None:
    faults = [Fault(f"/layers/{i}", "wrong") for i in range(MAX_FAULTS + 5)]
    document = body(core.SpecError(faults))
    assert len(document["errors"]) == MAX_FAULTS
    assert str(MAX_FAULTS + 5) in document["detail"]


def test_a_lone_surrogate_can_be_answered() -> None:
    assert body(core.UnknownNameError("no tensor \ud800"))["detail"] == "no tensor \\ud800"


def test_a_subclass_has_the_row_of_its_ancestor() -> None:
    class SpecialError(core.DeviceError):
        pass

    response = PROBLEMS.response(SpecialError("cuda is missing"), {})
    assert response.status_code == 409
    assert response.media_type == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"


def test_documented_responses_follow_the_table() -> None:
    responses = PROBLEMS.documented(core.UnknownNameError, core.SpecError, core.SliceError)
    assert list(responses) == [404, 422, "default"]
    assert "invalid-spec" in responses[422]["description"]
    assert "invalid-slice" in responses[422]["description"]
    assert set(responses[404]["content"]) == {"application/problem+json"}


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
