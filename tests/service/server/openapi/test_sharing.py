"""Components of the parts that several operations have."""

from __future__ import annotations

from typing import Any

import pytest

from service.server.openapi.sharing import camel, inline_single, joined, share_components


def document(*operations: dict[str, Any]) -> dict[str, Any]:
    paths = {f"/{index}": {"get": operation} for index, operation in enumerate(operations)}
    return {"paths": paths, "components": {}}


def operation(limit: int, answer: str, name: str | None = None) -> dict[str, Any]:
    named = {} if name is None else {"x-name": name}
    header = {"description": "Its length.", "schema": {"type": "string"}}
    return {
        "parameters": [{"name": "page_size", "in": "query", "schema": {"maximum": limit}}],
        "responses": {"200": {**named, "description": answer, "headers": {"Content-Length": header}}},
    }


def test_equal_parts_are_one_component() -> None:
    shared = share_components(document(operation(1, "A", "Page"), operation(1, "A", "Page")))
    assert {section: [*parts] for section, parts in shared["components"].items()} == {
        "parameters": ["PageSize"],
        "headers": ["ContentLength"],
        "responses": ["Page"],
    }
    for item in shared["paths"].values():
        assert item["get"]["parameters"] == [{"$ref": "#/components/parameters/PageSize"}]
        assert item["get"]["responses"] == {"200": {"$ref": "#/components/responses/Page"}}
    (page,) = shared["components"]["responses"].values()
    assert page["headers"] == {"Content-Length": {"$ref": "#/components/headers/ContentLength"}}


def test_a_single_part_stays_where_it_is_used() -> None:
    shared = share_components(document(operation(1, "A", "Page"), operation(2, "B", "Sheet")))
    assert [*shared["components"]] == ["headers"]
    assert "x-name" not in str(shared)
    assert shared["paths"]["/0"]["get"]["responses"]["200"]["description"] == "A"


def test_different_parts_need_different_names() -> None:
    same = [operation(limit, "A", "Page") for limit in (1, 1, 2, 2)]
    with pytest.raises(ValueError, match="parameters has two different PageSize: give one of them"):
        share_components(document(*same))


def test_names() -> None:
    assert [camel(name) for name in ("Content-Length", "fan_axes", "ETag")] == [
        "ContentLength",
        "FanAxes",
        "ETag",
    ]
    assert (
        joined(["unknown-path", "unknown-name", "too-large", "name"]) == "UnknownPathOrNameOrTooLargeOrName"
    )


def test_whole_numbers_have_no_fraction() -> None:
    values = share_components({"paths": {}, "components": {}, "found": [0.0, -2.0, 0.5, 1e-6, 1e300, True]})
    assert [*map(repr, values["found"])] == ["0", "-2", "0.5", "1e-06", "1e+300", "True"]


def test_a_component_of_one_place_refers_to_its_type() -> None:
    size = {"type": "integer", "minimum": 0}
    found = {"schemas": {"Size": size, "Pad": {**size, "description": "The pad."}}}
    places = {"pad": {"$ref": "#/components/schemas/Pad", "default": 1}}
    inline_single(
        {"paths": places, "components": found},
        ["Pad"],
        lambda schema: {"$ref": "#/components/schemas/Size", "description": schema["description"]},
    )
    assert places["pad"] == {"$ref": "#/components/schemas/Size", "description": "The pad.", "default": 1}
    assert [*found["schemas"]] == ["Size"]
