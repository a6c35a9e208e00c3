"""Committed OpenAPI document: valid, complete and current."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from openapi_spec_validator import validate

from service.__main__ import main
from service.server.route_groups import ROUTE_GROUPS, needs_key, scope_of

HUB = ROUTE_GROUPS[-1]
COMMITTED = Path(__file__).parents[3] / "openapi" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return orjson.loads(COMMITTED.read_bytes())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_committed_document_is_up_to_date(tmp_path: Path) -> None:
    output = tmp_path / "openapi.json"
    result = CliRunner().invoke(main, ["openapi", "--output", str(output)])
    assert result.exit_code == 0
    assert output.read_bytes() == COMMITTED.read_bytes(), "run make openapi"


def test_the_environment_does_not_change_it(tmp_path: Path) -> None:
    output = tmp_path / "openapi.json"
    CliRunner(env={"TENSORSEED_JSON_ELEMENTS": "5"}).invoke(main, ["openapi", "--output", str(output)])
    assert output.read_bytes() == COMMITTED.read_bytes()


def test_the_service_serves_it(client: Any, document: dict[str, Any]) -> None:
    assert client.get("/openapi.json").json() == document


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_it_has_the_paths_of_the_contract(document: dict[str, Any]) -> None:
    assert {path: sorted(item) for path, item in document["paths"].items()} == {
        "/v1/weights": ["get", "head", "post"],
        "/v1/weights/plan": ["post"],
        "/v1/weights/{token}": ["get", "head"],
        "/v1/weights/{token}/digest": ["get", "head"],
        "/v1/weights/{token}/tensors/{name}": ["get", "head"],
        "/v1/weights/{token}/tensors/{name}/heatmap": ["get", "head"],
        "/v1/weights/{token}/tensors/{name}/histogram": ["get", "head"],
        "/v1/losses": ["get", "head"],
        "/v1/losses/{kind}": ["get", "head", "post"],
        "/v1/evaluations": ["post"],
        "/v1/schemes": ["get", "head"],
        "/v1/layers": ["get", "head"],
        "/v1/devices": ["get", "head"],
        "/v1/recipes": ["get", "head"],
        "/v1/recipes/plan": ["post"],
        "/v1/recipes/{repository}": ["get", "head"],
        "/api/datasets": ["get", "head"],
        "/api/models": ["get", "head"],
        "/api/models/{repository}": ["get", "head"],
        "/api/models/{repository}/auth-check": ["get", "head"],
        "/api/models/{repository}/commits/{revision}": ["get", "head"],
        "/api/models/{repository}/paths-info/{revision}": ["post"],
        "/api/models/{repository}/refs": ["get", "head"],
        "/api/models/{repository}/revision/{revision}": ["get", "head"],
        "/api/models/{repository}/safetensors-metadata/{path}": ["get", "head"],
        "/api/models/{repository}/tree/{revision}": ["get", "head"],
        "/api/models/{repository}/tree/{revision}/{path}": ["get", "head"],
        "/api/spaces": ["get", "head"],
        "/api/whoami-v2": ["get", "head"],
        "/{repository}/raw/{revision}/{path}": ["get", "head"],
        "/{repository}/resolve/{revision}/{path}": ["get", "head"],
        "/healthz": ["get", "head"],
        "/readyz": ["get", "head"],
    }


def test_operation_ids_are_unique_and_readable(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    assert all(identifier.isalpha() for identifier in ids)


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)
        assert operation["tags"], (path, method)


def test_errors_are_problems_or_the_hubs(document: dict[str, Any]) -> None:
    problem = {"application/problem+json": {"$ref": "#/components/schemas/Problem"}}
    error = {"application/json": {"$ref": "#/components/schemas/HubError"}}
    for path, method, operation in operations(document):
        assert "default" in operation["responses"], (path, method)
        for status, response in operation["responses"].items():
            assert response["description"]
            content = {kind: told["schema"] for kind, told in response.get("content", {}).items()}
            if (status == "default" or status >= "400") and not HUB.owns(path):
                assert content == problem, (path, method, status)
            elif method == "head" or status == "304":
                assert not content, (path, method, status)
            elif status == "default" or status >= "400":
                assert content == error, (path, method, status)
                assert response["headers"]["X-Error-Message"], (path, method, status)
            else:
                assert content, (path, method, status)


def test_weights_document_what_they_answer(document: dict[str, Any]) -> None:
    item = document["paths"]["/v1/weights/{token}"]
    assert set(item["get"]["responses"]) == {
        "200",
        "206",
        "304",
        "401",
        "403",
        "404",
        "406",
        "409",
        "412",
        "413",
        "416",
        "422",
        "429",
        "503",
        "default",
    }
    assert set(document["paths"]["/v1/weights"]["post"]["responses"]) == {
        *("200", "400", "401", "403", "406", "409", "412", "413", "415", "422", "429", "503", "default")
    }
    body = document["paths"]["/v1/weights"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Spec"}


def test_what_may_need_a_key_says_so_and_how_it_refuses(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {name: (scheme["type"], scheme["scheme"]) for name, scheme in schemes.items()} == {
        "key": ("http", "bearer")
    }
    for path, method, operation in operations(document):
        where = (path, method)
        statuses = set(operation["responses"])
        if not needs_key(path):
            assert "security" not in operation, where
            assert not {"401", "403"} & statuses, where
            continue
        assert operation["security"] == [{"key": []}, {}], where
        assert {"401", "429", "503"} <= statuses, where
        assert ("403" in statuses) is (scope_of(path) is not None), where
        assert operation["responses"]["401"]["headers"]["WWW-Authenticate"]["example"] == "Bearer"
        assert operation["responses"]["429"]["headers"]["Retry-After"], where


def test_an_answer_of_two_kinds_names_each_once(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                if media_type == "application/problem+json":
                    for name in content["examples"]:
                        assert response["description"].count(f"problem:{name}`") == 1, (path, method, status)
    stopping = document["paths"]["/v1/weights"]["get"]["responses"]["503"]["content"]
    assert set(stopping["application/problem+json"]["examples"]) == {"out-of-memory", "not-ready"}


def test_every_file_route_documents_what_is_too_large(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if path.startswith("/v1/weights"):
            assert "413" in operation["responses"], (path, method)


def test_head_has_no_ranges(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if method == "head":
            assert not {"206", "416"} & set(operation["responses"]), path


def test_every_example_of_a_token_is_a_token(document: dict[str, Any], client: Any) -> None:
    tokens = set(re.findall(r"s1\.[\w-]+", COMMITTED.read_text()))
    assert tokens
    for token in tokens:
        assert client.head(f"/v1/weights/{token}").status_code == 200
    plan = document["components"]["schemas"]["Plan"]["properties"]
    (example,) = plan["token"]["examples"]
    answer = client.head(f"/v1/weights/{example}")
    assert plan["url"]["examples"] == [f"/v1/weights/{example}"]
    assert plan["etag"]["examples"] == [answer.headers["etag"]]
    assert plan["size"]["examples"] == [int(answer.headers["content-length"])]
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["name"] == "token":
                named = parameter["examples"].values()
                assert [one["value"] for one in named] == [example], (path, method)


def test_every_parameter_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", []):
            where = (path, method, parameter["name"])
            schema = parameter["schema"]
            assert parameter.get("description"), where
            assert "example" in parameter or "examples" in parameter or "examples" in schema, where


def test_every_field_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    missing = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, content in schema.get("properties", {}).items()
        if "const" not in content
        and not (field in {"kind", "type"} and "enum" in content)
        and not (content.get("description") and content.get("examples"))
    ]
    assert missing == []


def test_nothing_of_the_framework_shows(document: dict[str, Any]) -> None:
    text = COMMITTED.read_text()
    assert "ValidationError" not in text
    assert "pydantic" not in text.lower()
