"""Committed OpenAPI document: valid, complete and current."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from markdown_it.token import Token
from openapi_spec_validator import validate

from service.__main__ import main
from service.server.route_groups import ROUTE_GROUPS, needs_key, scope_of

HUB = ROUTE_GROUPS[-1]
MAX_BYTES = 250_000
MAX_COMPRESSED_BYTES = 48_000
COMMITTED = Path(__file__).parents[4] / "openapi" / "openapi.json"
TAKEN = frozenset(
    "Any Array Blob Boolean Date Element Error Event Exclude File Function Headers List Literal Lock Map "  # noqa: SIM905
    "Node Number Object Omit Optional Parameters Partial Pick Promise Range Readonly Record Request Required "
    "Response Selection Set String Symbol Text Tuple Type Union Worker".split()
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return orjson.loads(COMMITTED.read_bytes())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The component that a reference names; anything else is itself."""
    while "$ref" in part:
        _, _, section, name = part["$ref"].split("/")
        part = document["components"][section][name]
    return part


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
        "/v1/weights": ["get", "post"],
        "/v1/weights/plan": ["post"],
        "/v1/weights/{token}": ["get"],
        "/v1/weights/{token}/digest": ["get"],
        "/v1/weights/{token}/tensors/{name}": ["get"],
        "/v1/weights/{token}/tensors/{name}/heatmap": ["get"],
        "/v1/weights/{token}/tensors/{name}/histogram": ["get"],
        "/v1/losses": ["get"],
        "/v1/losses/{kind}": ["get", "post"],
        "/v1/evaluations": ["post"],
        "/v1/evaluations/{token}": ["get"],
        "/v1/schemes": ["get"],
        "/v1/layers": ["get"],
        "/v1/devices": ["get"],
        "/v1/recipes": ["get"],
        "/v1/recipes/plan": ["post"],
        "/v1/recipes/{repository}": ["get"],
        "/api/datasets": ["get"],
        "/api/models": ["get"],
        "/api/models/{repository}": ["get"],
        "/api/models/{repository}/auth-check": ["get"],
        "/api/models/{repository}/commits/{revision}": ["get"],
        "/api/models/{repository}/paths-info/{revision}": ["post"],
        "/api/models/{repository}/refs": ["get"],
        "/api/models/{repository}/revision/{revision}": ["get"],
        "/api/models/{repository}/safetensors-metadata/{path}": ["get"],
        "/api/models/{repository}/tree/{revision}": ["get"],
        "/api/models/{repository}/tree/{revision}/{path}": ["get"],
        "/api/spaces": ["get"],
        "/api/whoami-v2": ["get"],
        "/{repository}/raw/{revision}/{path}": ["get"],
        "/{repository}/resolve/{revision}/{path}": ["get"],
        "/healthz": ["get"],
        "/readyz": ["get"],
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
        for status, one in operation["responses"].items():
            response = resolved(document, one)
            assert response["description"]
            content = {kind: told["schema"] for kind, told in response.get("content", {}).items()}
            if (status == "default" or status >= "400") and not HUB.owns(path):
                assert content == problem, (path, method, status)
            elif status == "304":
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
        "404",
        "406",
        "409",
        "412",
        "413",
        "416",
        "422",
        "default",
    }
    assert set(document["paths"]["/v1/weights"]["post"]["responses"]) == {
        *("200", "400", "406", "409", "412", "413", "415", "422", "default")
    }
    body = document["paths"]["/v1/weights"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Spec"}


def test_what_may_need_a_key_says_so_and_how_it_refuses(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {name: (scheme["type"], scheme["scheme"]) for name, scheme in schemes.items()} == {
        "key": ("http", "bearer")
    }
    assert document["security"] == [{"key": []}, {}]
    for path, method, operation in operations(document):
        where = (path, method)
        refused = resolved(document, operation["responses"]["default"])
        if not needs_key(path):
            assert operation["security"] == [], where
            assert "headers" not in refused, where
            continue
        assert "security" not in operation, where
        assert not {"401", "403", "429", "503"} & operation["responses"].keys(), where
        for status in ("401", "429", "503", "500"):
            assert f"{status}, " in refused["description"], where
        assert ("403, " in refused["description"]) is (scope_of(path) is not None), where
        assert resolved(document, refused["headers"]["WWW-Authenticate"])["example"] == "Bearer"
        assert refused["headers"]["Retry-After"], where


def test_an_answer_of_two_kinds_names_each_once(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, one in operation["responses"].items():
            response = resolved(document, one)
            if "application/problem+json" in response.get("content", {}):
                names = re.findall("problem:([a-z-]+)`", response["description"])
                assert len(set(names)) == len(names) >= 1, (path, method, status)
    refused = resolved(document, document["paths"]["/v1/weights"]["get"]["responses"]["default"])
    assert set(re.findall("problem:([a-z-]+)`", refused["description"])) == {
        *("unauthorized", "forbidden", "busy", "not-ready", "out-of-memory", "internal-error")
    }


def test_every_file_route_documents_what_is_too_large(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if path.startswith("/v1/weights"):
            assert "413" in operation["responses"], (path, method)


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
    named = document["components"]["parameters"]["Token"]["examples"].values()
    assert [one["value"] for one in named] == [example]


def test_every_field_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    missing = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, content in schema.get("properties", {}).items()
        if "const" not in content
        and not (field in {"kind", "type"} and "enum" in content)
        and not is_described(document, content)
    ]
    assert missing == []


def is_described(document: dict[str, Any], field: dict[str, Any]) -> bool:
    """Whether a field says what it holds, and shows it: by examples, its values, its default or its parts."""
    found = {**resolved(document, field), **field}
    shown = found.keys() & {"examples", "enum", "default"} or found.get("type") == "boolean"
    references = "$ref" in json.dumps(field)
    return bool(found.get("description")) and bool(shown or references)


def test_it_is_small(document: dict[str, Any], client: Any) -> None:
    plain = client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert len(plain.content) < MAX_BYTES
    assert plain.json() == document
    compressed = client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert compressed.headers["content-encoding"] == "gzip"
    assert int(compressed.headers["content-length"]) < MAX_COMPRESSED_BYTES
    assert compressed.content == plain.content
    assert compressed.headers["etag"] != plain.headers["etag"]
    for answer, coding in ((plain, "identity"), (compressed, "gzip")):
        assert answer.headers["vary"] == "Accept-Encoding"
        known = {"Accept-Encoding": coding, "If-None-Match": answer.headers["etag"]}
        again = client.get("/openapi.json", headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
        assert client.head("/openapi.json", headers=known).status_code == 304
    changed = {"If-Match": '"another"'}
    assert client.get("/openapi.json", headers=changed).status_code == 412


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("GZIP;q=0.5, br", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0, *", None),
        ("identity", None),
        ("br;q=1", None),
        ("gzip;q=x", None),
        ("", None),
    ],
)
def test_it_is_sent_as_a_client_reads_it(client: Any, accepted: str, coding: str | None) -> None:
    answer = client.get("/openapi.json", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == coding


def test_a_part_stands_once(document: dict[str, Any]) -> None:
    for section, container in (("parameters", "parameters"), ("responses", "responses")):
        seen = Counter(
            json.dumps(part, sort_keys=True)
            for _, _, operation in operations(document)
            for part in (
                operation.get(container, {}).values()
                if isinstance(operation.get(container), dict)
                else operation.get(container, [])
            )
            if "$ref" not in part
        )
        repeated = [part[:100] for part, count in seen.items() if count > 1]
        assert not repeated, section
    names = document["components"]["schemas"]
    assert {"Init", "Scheme", "Layer", "LayerBase", "Module", "Optimizer", "DType", "Seed"} <= names.keys()
    assert '"x-' not in COMMITTED.read_text()


def test_a_component_has_a_name_that_every_language_can_have(document: dict[str, Any]) -> None:
    """C# has no member of its class's name, and a type must not hide one that the language has."""
    for name, schema in document["components"]["schemas"].items():
        assert re.fullmatch("[A-Z][A-Za-z0-9]*", name), name
        assert name not in TAKEN, f"{name} is a type of JavaScript or Python: call it otherwise"
        own = [
            field for field in schema.get("properties", {}) if field.replace("_", "").lower() == name.lower()
        ]
        assert not own, f"{name} has a member of its own name: add it to `names` of its route group"


def test_generators_can_read_every_schema(document: dict[str, Any]) -> None:
    for path, schema in schemas_within(document):
        if schema.get("type") == "array":
            assert "items" in schema, path
        assert "prefixItems" not in schema, path
        assert "oneOf" not in schema or "discriminator" in schema, path


def schemas_within(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document that may be a schema, but for what is in examples."""
    if isinstance(part, dict):
        yield path, part
        for key, inner in part.items():
            if key not in {"example", "examples", "default", "enum"}:
                yield from schemas_within(inner, f"{path}/{key}")
    elif isinstance(part, list):
        for index, inner in enumerate(part):
            yield from schemas_within(inner, f"{path}/{index}")


def test_descriptions_render_as_text(document: dict[str, Any]) -> None:
    """As CommonMark, which they are, nothing of a text is a list, a link, emphasis or HTML by accident."""
    texts = {
        part[key]: path
        for path, part in schemas_within(document)
        for key in ("description", "summary")
        if isinstance(part.get(key), str)
    }
    reader = MarkdownIt()
    for text, path in texts.items():
        plain = [*rendered(reader.parse(text))]
        assert " ".join("".join(plain).split()) == " ".join(text.replace("`", "").split()), path


def rendered(tokens: list[Token]) -> Iterator[str]:
    """The text of a page, and the type of what is more than a paragraph of text and code."""
    for token in tokens:
        if token.type in {"text", "code_inline"}:
            yield token.content
        elif token.type == "inline":
            yield from rendered(token.children or [])
        elif token.type in {"softbreak", "paragraph_close"}:
            yield " "
        elif token.type != "paragraph_open":
            yield f"<{token.type}>"


def test_nothing_of_the_framework_shows(document: dict[str, Any]) -> None:
    text = COMMITTED.read_text()
    assert "ValidationError" not in text
    assert "pydantic" not in text.lower()
