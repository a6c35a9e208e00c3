"""Component schemas: one for every model and every named type.

pydantic writes the schema of a type wherever the type stands. Here the types that several schemas have are
components, which the others refer to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

Schema = dict[str, Any]

MAX_MAPPED = 8  # values of a discriminator that are not the names of their schemas

PREFIX = "#/components/schemas/"

_MAPS = ("properties", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf")
_SINGLE = ("items", "additionalProperties", "not")
_ANNOTATIONS = frozenset(("title", "description", "default", "examples"))
_VALUES = frozenset(("enum", "const"))
_NULL = {"type": "null"}
_FORMULA = re.compile(r"^Formula: (.*(?:\n[ ].*)*)", re.MULTILINE)
_SOURCE = re.compile(r"^Source: .*(?:\n[ ].*)*", re.MULTILINE)  # of interest to readers of the code
_LABEL = re.compile(r"(?<!\n)\n(?=[A-Z][a-z]+: )")


class ComponentSchemas:
    """The schemas of models, in which named types and renamed models are references."""

    def __init__(self, types: Mapping[str, Any], names: Mapping[str, str]) -> None:
        """`types` are by the name of their component, smaller ones first; `names` rename models.

        A type is one that pydantic knows, or a JSON Schema. One with a description is that of a whole member.
        """
        self._names = names
        self._known: dict[str, str] = {}
        self._members: dict[str, str] = {}
        self._types: dict[str, Schema] = {}
        for name, found in types.items():
            schema = self._inside(_schema_of(found))
            schema.pop("default", None)
            self._types[name] = schema
            (self._members if "description" in schema else self._known)[_key(schema)] = name

    @property
    def members(self) -> frozenset[str]:
        """The named types that are those of whole members."""
        return frozenset(self._members.values())

    def components(self, schemas: Mapping[str, Schema]) -> dict[str, Schema]:
        """The components of models by their names, and of the named types, in alphabetical order."""
        models = {self._names.get(name, name): self._inside(schema) for name, schema in schemas.items()}
        clash = models.keys() & self._types.keys()
        if clash:
            raise ValueError(f"a model and a type are both called {sorted(clash)}: rename one of them")
        return dict(sorted({**models, **self._types}.items()))

    def referring(self, schema: Schema) -> Schema:
        """The schema with references in the place of named types; itself may be one."""
        plain = self._inside(schema)
        default = {key: part for key, part in plain.items() if key == "default"}
        member = {key: part for key, part in plain.items() if key != "default"}
        if (name := self._members.get(_key(member))) is not None:
            return {"$ref": PREFIX + name, **default}
        return self.named(plain)

    def named(self, schema: Schema) -> Schema:
        """The schema, a reference with its annotations if it is that of a named type."""
        core = {key: part for key, part in schema.items() if key not in _ANNOTATIONS}
        if (name := self._known.get(_key(core))) is None:
            return schema
        annotations = {key: part for key, part in schema.items() if key in _ANNOTATIONS}
        return {"$ref": PREFIX + name, **annotations}

    def _inside(self, schema: Schema) -> Schema:
        """The schema with references within it."""
        found = {key: part for key, part in schema.items() if key != "title"}
        if found.get("default", 0) is None:
            del found["default"]  # what null means is what leaving it out means
        if "prefixItems" in found:
            found["items"] = _items(found.pop("prefixItems"))
        if "oneOf" in found and "discriminator" not in found:
            found["anyOf"] = found.pop("oneOf")  # several may hold
        if "description" in found:
            found["description"] = as_markdown(_SOURCE.sub("", found["description"])).rstrip()
        if "const" in found:
            found.pop("type", None)  # which the value has
        if "$ref" in found:
            found["$ref"] = self._renamed(found["$ref"])
        if "discriminator" in found:
            mapping = found["discriminator"]["mapping"]
            renamed = {value: self._renamed(path) for value, path in mapping.items()}
            found["discriminator"] = _discriminator(found["discriminator"]["propertyName"], renamed)
            if len(found["discriminator"].get("mapping", ())) > MAX_MAPPED:
                del found["discriminator"]  # the models say it, each by a constant
                found["anyOf"] = found.pop("oneOf")
        for key in _MAPS:
            if key in found:
                found[key] = {name: self.referring(part) for name, part in found[key].items()}
        for key in _LISTS:
            if key in found:
                found[key] = [*self._joined([self.referring(part) for part in found[key]])]
        found = self._extending(found)
        if _is_nullable(found):
            (branch,) = (branch for branch in found.pop("anyOf") if branch != _NULL)
            found |= {**branch, "type": [branch["type"], "null"]}
        for key in _SINGLE:
            if isinstance(found.get(key), dict):
                found[key] = self.referring(found[key])
        if _shows_itself(found) or self._is_of_models(found):
            found.pop("examples", None)
        return found

    def _is_of_models(self, schema: Schema) -> bool:
        """Whether its values are models or lists of them, which have examples of their own."""
        inner = schema.get("items", schema)
        branches = [branch for branch in inner.get("anyOf", [inner]) if branch != _NULL]
        names = [branch.get("$ref", "").removeprefix(PREFIX) for branch in branches]
        return all(name and name not in self._types for name in names)

    def _joined(self, branches: list[Schema]) -> Iterator[Schema]:
        """The branches, those of a named union as one: pydantic flattens a union of unions."""
        keys = [*map(_key, branches)]
        index = 0
        while index < len(branches):
            for name, schema in self._types.items():
                inner = [*map(_key, schema.get("anyOf", ()))]
                if inner and keys[index : index + len(inner)] == inner and len(inner) < len(keys):
                    yield {"$ref": PREFIX + name}
                    index += len(inner)
                    break
            else:
                yield branches[index]
                index += 1

    def _extending(self, union: Schema) -> Schema:
        """A union as that of a smaller one, which has a name, and of what it lacks."""
        branches = union.get("anyOf", ())
        for name, smaller in self._types.items():
            inner = smaller.get("anyOf", ())
            if MAX_MAPPED < len(inner) < len(branches) and all(branch in branches for branch in inner):
                others = [branch for branch in branches if branch not in inner]
                return {**union, "anyOf": [{"$ref": PREFIX + name}, *others]}
        return union

    def _renamed(self, path: str) -> str:
        name = path.removeprefix(PREFIX)
        return PREFIX + self._names.get(name, name)


def refer_to_catalogs(schemas: dict[str, Schema], catalogs: Mapping[str, str]) -> None:
    """Leave formulas and sources to the path that lists the members of a union, which names that path.

    `catalogs` are the paths by the names of the unions.
    """
    for union, path in catalogs.items():
        for model in _models_of(schemas[union], schemas):
            model["description"], _, _ = model["description"].partition("\n\nFormula: ")
        schemas[union]["description"] = f"`GET {path}` has the formula and the source of each."


def _models_of(union: Schema, schemas: Mapping[str, Schema]) -> Iterator[Schema]:
    for branch in union.get("oneOf") or union["anyOf"]:
        found = schemas[branch["$ref"].removeprefix(PREFIX)]
        if "properties" in found:
            yield found
        else:
            yield from _models_of(found, schemas)


def as_markdown(text: str) -> str:
    """A docstring as CommonMark: a formula as code, and every label in a paragraph of its own.

    >>> as_markdown("Its parts.\\n\\nFormula: y = f[0](x)\\nSource: a paper")
    'Its parts.\\n\\nFormula: `y = f[0](x)`\\n\\nSource: a paper'
    """
    return _LABEL.sub("\n\n", _FORMULA.sub(_coded, text))


def _coded(match: re.Match[str]) -> str:
    formula = " ".join(match[1].split())
    return f"Formula: {formula}" if "`" in formula else f"Formula: `{formula}`"


def _discriminator(member: str, mapping: Mapping[str, str]) -> Schema:
    """A discriminator with a mapping of the values that are not the names of their schemas."""
    others = {value: path for value, path in mapping.items() if path != PREFIX + value}
    return {"propertyName": member, **({"mapping": others} if others else {})}


def _is_nullable(schema: Schema) -> bool:
    """Whether it is a plain type or null."""
    branches = schema.get("anyOf", [])
    plain = [branch for branch in branches if branch != _NULL]
    return len(branches) == 2 and len(plain) == 1 and "type" in plain[0] and not plain[0].keys() & _VALUES


def _shows_itself(schema: Schema) -> bool:
    """Whether its values are clear without examples: of two, of a list, or by a default that is no list."""
    return (
        schema.get("type") == "boolean"
        or bool(schema.keys() & _VALUES)
        or schema.get("default") not in (None, [], {})
        or ("default" in schema and schema.get("examples") == [schema["default"]])
    )


def _schema_of(found: Any) -> Schema:
    if isinstance(found, dict):
        return found
    schema: Schema = TypeAdapter(found).json_schema(ref_template=PREFIX + "{model}")
    schema.pop("$defs", None)
    return schema


def _items(elements: list[Schema]) -> Schema:
    """The schema of every element of a tuple."""
    distinct = [element for index, element in enumerate(elements) if element not in elements[:index]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _key(schema: Any) -> str:
    return json.dumps(schema, sort_keys=True)
