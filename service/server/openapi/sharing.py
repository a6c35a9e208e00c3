"""Components for the parts that several operations have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

Part = dict[str, Any]
MAX_EXACT = 1 << 53  # whole numbers below it are exact as doubles
Slot = tuple[Any, Any]
"""A container and a key: where a part stands."""


def share_components(document: dict[str, Any]) -> dict[str, Any]:
    """The document with references to components in the place of what its operations have more than once.

    A component has the name of its part, or the part's `x-name`. Whole numbers have no fraction.

    Raises:
        ValueError: Different parts have one name.
    """
    document = json.loads(json.dumps(document), parse_float=number)  # every part stands once
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


def inline_single(
    document: dict[str, Any], names: Collection[str], named: Callable[[Part], Part] = dict
) -> None:
    """Put the component schemas of these names where they stand, those that stand in one place.

    `named` puts a reference there if the schema is that of another component.
    """
    schemas = document["components"]["schemas"]
    found: dict[str, list[Part]] = {}
    for part in _parts([schemas, document["paths"]]):
        found.setdefault(part.get("$ref", ""), []).append(part)
    for name in names:
        users = found.get(f"#/components/schemas/{name}", [])
        if len(users) == 1:
            (user,) = users
            del user["$ref"]
            user |= {**named(schemas.pop(name)), **user}


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


def number(text: str) -> float:
    """The number of a JSON text; a whole one is an integer, which JSON Schema does not distinguish.

    >>> [number(text) for text in ("0.0", "-2.0", "0.5", "1e-06", "1e+300")]
    [0, -2, 0.5, 1e-06, 1e+300]
    """
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < MAX_EXACT else value


def joined(kinds: Iterable[str]) -> str:
    """The name of what is one of several kinds; a first word that the kind before has, too, stands once.

    >>> joined(["unknown-repository", "unknown-revision", "not-representable"])
    'UnknownRepositoryOrRevisionOrNotRepresentable'
    """
    words: list[str] = []
    before = ""
    for kind in kinds:
        first, _, rest = kind.partition("-")
        words.append(camel(rest if rest and first == before else kind))
        before = first
    return "Or".join(words)


def camel(text: str) -> str:
    """The words of a name joined.

    >>> [camel(text) for text in ("Content-Type", "fan_axes", "ETag")]
    ['ContentType', 'FanAxes', 'ETag']
    """
    words = text.replace("-", " ").replace("_", " ").split()
    return "".join(word[:1].upper() + word[1:] for word in words)
