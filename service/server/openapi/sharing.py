"""Components for the parts that several operations have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

Part = dict[str, Any]
Slot = tuple[Any, Any]
"""A container and a key: where a part stands."""


def share_components(document: dict[str, Any]) -> dict[str, Any]:
    """The document with references to components in the place of what its operations have more than once.

    A component has the name of its part, or the part's `x-name`.

    Raises:
        ValueError: Different parts have one name.
    """
    document = json.loads(json.dumps(document))  # every part stands once
    for section, slots in (
        ("parameters", _parameters),
        ("examples", _examples),
        ("headers", _headers),
        ("responses", _responses),
    ):
        shared = _share(section, [*slots(document)])
        if shared:
            document["components"][section] = dict(sorted(shared.items()))
    return document


def inline_single(document: dict[str, Any], names: Collection[str]) -> None:
    """Put the component schemas of these names where they stand, those that stand in one place."""
    schemas = document["components"]["schemas"]
    found: dict[str, list[Part]] = {}
    for part in _parts([schemas, document["paths"]]):
        found.setdefault(part.get("$ref", ""), []).append(part)
    for name in names:
        users = found.get(f"#/components/schemas/{name}", [])
        if len(users) == 1:
            (user,) = users
            del user["$ref"]
            user |= {**schemas.pop(name), **user}


def leave_out(document: dict[str, Any], member: str) -> None:
    """Take a member out of all parts of the operations."""
    for part in _parts(document["paths"]):
        part.pop(member, None)


def _parts(part: Any) -> Iterator[Part]:
    """All objects within a part of the document."""
    if isinstance(part, dict):
        yield part
    if isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _parts(inner)


def _share(section: str, slots: list[Slot]) -> dict[str, Part]:
    names = [_name(*slot) for slot in slots]
    counts = Counter(_key(container[key]) for container, key in slots)
    shared: dict[str, Part] = {}
    for (container, key), name in zip(slots, names, strict=True):
        part = container[key]
        if counts[_key(part)] < 2:
            continue
        if shared.setdefault(name, part) != part:
            raise ValueError(f"components.{section} has two different {name}: give one of them an x-name")
        container[key] = {"$ref": f"#/components/{section}/{name}"}
    return shared


def _name(container: Any, key: Any) -> str:
    part: Part = container[key]
    name: str | None = part.pop("x-name", None)
    return name or camel(part.get("name", str(key)))


def _key(part: Part) -> str:
    return json.dumps(part, sort_keys=True)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The operations with their paths."""
    for path, item in document["paths"].items():
        for operation in item.values():
            yield path, operation


def _parameters(document: dict[str, Any]) -> Iterator[Slot]:
    for _, operation in operations(document):
        for index in range(len(operation.get("parameters", []))):
            yield operation["parameters"], index


def _examples(document: dict[str, Any]) -> Iterator[Slot]:
    for _, operation in operations(document):
        for message in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in message.get("content", {}).values():
                for name in content.get("examples", {}):
                    yield content["examples"], name


def _headers(document: dict[str, Any]) -> Iterator[Slot]:
    for container, status in _responses(document):
        headers = container[status].get("headers", {})
        for name in headers:
            yield headers, name


def _responses(document: dict[str, Any]) -> Iterator[Slot]:
    for _, operation in operations(document):
        for status in operation["responses"]:
            yield operation["responses"], status


def camel(text: str) -> str:
    """The words of a name joined.

    >>> [camel(text) for text in ("Content-Type", "fan_axes", "ETag")]
    ['ContentType', 'FanAxes', 'ETag']
    """
    words = text.replace("-", " ").replace("_", " ").split()
    return "".join(word[:1].upper() + word[1:] for word in words)
