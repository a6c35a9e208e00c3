"""Components for the members that models inherit.

A model's schema has all its members, also those of its base classes. Here a base of several models is a
component with the members that are the same in all of them, and the models refer to it by `allOf`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from .schemas import PREFIX, Schema

REFERENCE_BYTES = 60  # of a model's reference to a base, about
MIN_SAVED_BYTES = 400  # by a base, whose reader has one schema more to look at
MAX_LISTED = 4  # models in the description of a base

Model = type[BaseModel]


def share_inherited(
    schemas: Mapping[str, Schema], models: Iterable[Model], names: Mapping[str, str]
) -> dict[str, Schema]:
    """The schemas, in which base classes of the `models` are components where that makes them shorter.

    A base is called like its class, followed by Base; `names` rename models and bases.

    Raises:
        ValueError: A base has the name of another schema.
    """
    classes = {names.get(cls.__name__, cls.__name__): cls for cls in models}
    bases = _bases(schemas, classes)
    named = {base: _name(base, names) for base in bases}
    found = {**schemas}
    for base, members in bases.items():
        if named[base] in schemas:
            raise ValueError(f"a base and a schema are both called {named[base]}: rename the base by `names`")
        description = _description([name for name, cls in classes.items() if issubclass(cls, base)])
        whole = _whole(schemas, classes, base, members)
        shared = {"description": description, **whole}
        found[named[base]] = _inheriting(shared, base, bases, named, itself=base)
    for name, cls in classes.items():
        found[name] = _inheriting(schemas[name], cls, bases, named)
    return dict(sorted(found.items()))


def _name(base: Model, names: Mapping[str, str]) -> str:
    name = f"{base.__name__.strip('_')}Base"
    return names.get(name, name)


def _description(models: list[str]) -> str:
    if len(models) > MAX_LISTED:
        return f"The members that {len(models)} models have, such as {models[0]}."
    return f"The members that {', '.join(models[:-1])} and {models[-1]} have."


def _lineage(cls: Model) -> Iterator[Model]:
    """The class and its bases, those that have members."""
    for base in cls.__mro__:
        if issubclass(base, BaseModel) and base.model_fields:
            yield base


def _bases(schemas: Mapping[str, Schema], classes: Mapping[str, Model]) -> dict[Model, frozenset[str]]:
    """The bases that are worth a component, each with the members that its models have alike."""
    models: dict[Model, list[str]] = {}
    for name, cls in classes.items():
        for base in _lineage(cls):
            models.setdefault(base, []).append(name)
    found: dict[Model, frozenset[str]] = {}
    for base in sorted(models, key=lambda cls: (len(cls.__mro__), cls.__name__)):  # parents first
        owners = models[base]
        alike = frozenset(_alike([schemas[name]["properties"] for name in owners]))
        alike &= {field.alias or member for member, field in base.model_fields.items()}
        inherited = {member for parent in _lineage(base) for member in found.get(parent, ())}
        own = alike - inherited
        saved = sum(_bytes(schemas[owners[0]]["properties"][member]) + len(member) for member in own)
        references = 0 if inherited else REFERENCE_BYTES * len(owners)
        if saved * (len(owners) - 1) - references >= MIN_SAVED_BYTES:
            found[base] = alike
    return found


def _alike(properties: list[Mapping[str, Schema]]) -> Iterator[str]:
    """The members that all have with one schema, but for objects, which generators would name twice."""
    first, *others = properties
    for member, schema in first.items():
        if schema.get("type") != "object" and all(other.get(member) == schema for other in others):
            yield member


def _whole(
    schemas: Mapping[str, Schema], classes: Mapping[str, Model], base: Model, members: frozenset[str]
) -> Schema:
    """The schema of a base with all its members, in the order of a model."""
    name = next(name for name, cls in classes.items() if issubclass(cls, base))
    schema = schemas[name]
    properties = {member: part for member, part in schema["properties"].items() if member in members}
    required = [member for member in schema.get("required", ()) if member in members]
    return {"properties": properties, **({"required": required} if required else {}), "type": "object"}


def _inheriting(
    schema: Schema,
    cls: Model,
    bases: Mapping[Model, frozenset[str]],
    named: Mapping[Model, str],
    itself: Model | None = None,
) -> Schema:
    """The schema without the members of its nearest bases, to which it refers."""
    found = [base for base in _lineage(cls) if base in bases and base is not itself]
    nearest = [base for base in found if not any(base in other.__mro__[1:] for other in found)]
    if not nearest:
        return schema
    inherited = frozenset().union(*(bases[base] for base in nearest))
    own = {key: part for key, part in schema.items() if key != "additionalProperties"}
    own["properties"] = {name: part for name, part in schema["properties"].items() if name not in inherited}
    own["required"] = [name for name in schema.get("required", ()) if name not in inherited]
    if not own["required"]:
        del own["required"]
    closed = {"unevaluatedProperties": False} if "additionalProperties" in schema else {}
    return {"allOf": [{"$ref": PREFIX + named[base]} for base in nearest], **own, **closed}


def _bytes(schema: Schema) -> int:
    return len(json.dumps(schema, ensure_ascii=False))
