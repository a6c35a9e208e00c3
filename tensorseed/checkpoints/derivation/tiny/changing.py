"""Changes to a config: to its own fields and to defaults of its class."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tensorseed.checkpoints.derivation.recipe_from_model import config_of
from tensorseed.checkpoints.derivation.tiny.fields import Document
from tensorseed.checkpoints.derivation.tiny.sizes import Changes, Path


def whole(document: Mapping[str, Any]) -> Document:
    """The config with all its defaults, whether or not its sizes fit each other."""
    try:
        return _accepted(document)
    except Exception:  # sizes that do not fit, such as a width that the default of its heads does not divide
        defaults: Document = CONFIG_MAPPING[document["model_type"]]().to_dict()
        aliases = {alias: real for real, alias in _aliases(document).items()}
        return _merged(defaults, {aliases.get(name, name): value for name, value in document.items()})


def changed(document: Mapping[str, Any], changes: Changes) -> Document:
    """The document with the changes to what it has, and those that do not follow from them.

    A field may be computed from others, as the kinds of layers from their number and an interval.
    """
    aliases = _aliases(document)
    small: Document = copy.deepcopy(dict(document))
    for path, value in changes.items():
        _change_given(small, path, value, aliases)
    try:
        now = _accepted(small)
    except Exception:  # it may need the others too
        now = {}
    before = whole(document)
    for path, value in changes.items():
        if at(now, path) != value:
            _change(small, path, value, aliases, before)
    return small


def without_computed(document: Mapping[str, Any]) -> Document:
    """The document without the lists of lists that its class computes from other fields."""
    found = dict(document)
    own = {field.name for field in dataclasses.fields(CONFIG_MAPPING[document["model_type"]])}
    for name, value in document.items():
        if name not in own and isinstance(value, list) and any(isinstance(part, list) for part in value):
            rest = {other: kept for other, kept in found.items() if other != name}
            found = rest if _is_same(rest, found) else found
    return found


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two documents are the same config; one whose sizes do not fit is like none."""
    try:
        return _accepted(one) == _accepted(other)
    except Exception:
        return False


def at(document: Any, path: Path) -> Any:
    """The field at a path; None where there is none."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _accepted(document: Mapping[str, Any]) -> Document:
    found: Document = config_of(document).to_dict()
    return found


def _aliases(document: Mapping[str, Any]) -> dict[str, str]:
    """Another name of a field, by its own."""
    return {real: alias for alias, real in CONFIG_MAPPING[document["model_type"]].attribute_map.items()}


def _merged(defaults: Document, given: Mapping[str, Any]) -> Document:
    found = {**defaults, **given}
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(defaults.get(name), dict) and "config" in name:
            found[name] = _merged(defaults[name], value)
    return found


def _change_given(document: Document, path: Path, value: Any, aliases: Mapping[str, str]) -> None:
    """Set a field that the document has, under all the names that it has there."""
    place: Any = at(document, path[:-1])
    if not isinstance(place, dict):  # the flat form of transformers 4
        place = document if len(path) == 2 and path[0] == "text_config" else {}
    for name in _names(path, aliases):
        if name in place:
            place[name] = value


def _change(document: Document, path: Path, value: Any, aliases: Mapping[str, str], before: Document) -> None:
    """Set a field, whether or not the document has it."""
    place = document
    for depth, name in enumerate(path[:-1]):
        if not isinstance(place.get(name), dict):
            place[name] = _particular(at(before, path[: depth + 1]))
        place = place[name]
    names = _names(path, aliases)
    for name in [name for name in names if name in place] or names[:1]:
        place[name] = value


def _particular(part: Any) -> Document:
    """What a part of a config has unlike the defaults of its model type; all of it where it has no type."""
    fields: Document = copy.deepcopy(part) if isinstance(part, dict) else {}
    kind = fields.get("model_type")
    if kind not in CONFIG_MAPPING:
        return {"model_type": kind} if kind else fields
    defaults = CONFIG_MAPPING[kind]().to_dict()
    own = {name: value for name, value in fields.items() if value != defaults.get(name, value)}
    return {"model_type": kind, **own}


def _names(path: Path, aliases: Mapping[str, str]) -> list[str]:
    """The names that a field may have in the document: its own, and another that its class knows."""
    other = aliases.get(path[-1]) if len(path) == 1 else None
    return [path[-1], *([other] if other else [])]
