"""Errors in the form that clients of the Hub read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from starlette.responses import Response

from service.http.problems import Occurrence, ProblemKind
from service.hub.problems import CODES, COMMIT, MESSAGES, HubErrorFormat
from service.server.route_groups import RESERVED, ROUTE_GROUPS

HUB = ROUTE_GROUPS[-1]
FILE = "/tests/small/resolve/main/config.json"


def error(name: str = "unknown-entry", path: str = FILE, method: str = "GET", **scope: Any) -> Response:
    occurrence = Occurrence(ProblemKind(name, 404, ""), "gone: é\n", (), {"Cache-Control": "no-store"})
    return HubErrorFormat().response(occurrence, {**scope, "path": path, "method": method})


HUBS = (
    "/api",
    "/api/models",
    "/api/models/a/b",
    "/api/nothing",
    "/a/resolve/main/f",
    "/a/b/raw/main/f",
    FILE,
)
NEAR = ("/datasets/a/b/resolve/main/f", "/v10/b/resolve/main/f", "/docsx/resolve/main/f")


@pytest.mark.parametrize("path", [*HUBS, *NEAR])
def test_the_hub_has_these_paths(path: str) -> None:
    assert HUB.owns(path)


@pytest.mark.parametrize(
    "path",
    ["/", "/apis", "/v1/weights/resolve/x", "/a", "/a/b", "/a/b/resolve", "/resolve/main/f", "/nothing"],
)
def test_others_are_not_the_hubs(path: str) -> None:
    assert not HUB.owns(path)


def test_no_place_of_the_service_is_the_hubs() -> None:
    for name in set(RESERVED) - {"api"}:
        assert not HUB.owns(f"/{name}")
        assert not HUB.owns(f"/{name}/resolve/main/config.json")
        assert not HUB.owns(f"/{name}/b/resolve/main/config.json")


def test_fields_say_what_happened_and_the_body_does_too() -> None:
    response = error()
    assert response.status_code == 404
    assert response.headers["x-error-code"] == "EntryNotFound"
    assert response.headers["x-error-message"] == "gone: %C3%A9%0A"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    assert orjson.loads(response.body) == {"error": "gone: é\n"}


def test_the_answer_to_head_has_no_body_and_no_type() -> None:
    response = error(method="HEAD")
    assert response.body == b""
    assert "content-type" not in response.headers
    assert response.headers["x-error-code"] == "EntryNotFound"


def test_the_commit_is_told_once_it_is_known() -> None:
    assert "x-repo-commit" not in error().headers
    assert error(**{COMMIT: "c" * 40}).headers["x-repo-commit"] == "c" * 40


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_each_code(name: str, code: str) -> None:
    assert error(name).headers["x-error-code"] == code


def test_other_errors_have_no_code() -> None:
    assert "x-error-code" not in error("busy").headers


def test_a_missing_key_is_no_missing_repository() -> None:
    response = error("unauthorized")
    assert response.headers["x-error-message"] == MESSAGES["unauthorized"]
    assert "x-error-code" not in response.headers
    assert "HF_TOKEN" in orjson.loads(response.body)["error"]
    assert "HF_TOKEN" in response.headers["x-hf-warning"]


@pytest.mark.parametrize("path", ["/api/datasets/a/b", "/datasets/a/b/resolve/main/f", "/api/spaces/a/b"])
def test_what_is_no_model_is_no_repository(path: str) -> None:
    response = error("unknown-path", path)
    assert response.headers["x-error-code"] == "RepoNotFound"
    assert "models alone" in orjson.loads(response.body)["error"]


def test_a_long_detail_makes_no_long_field() -> None:
    occurrence = Occurrence(ProblemKind("busy", 429, ""), "é" * 10_000, (), {})
    response = HubErrorFormat().response(occurrence, {"path": FILE, "method": "GET"})
    assert len(response.headers["x-error-message"]) <= 6_000
