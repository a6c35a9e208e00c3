"""Search for the smallest sizes that transformers builds a model with."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from tensorseed.checkpoints.derivation.building import Bounds, build, silence
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of
from tensorseed.checkpoints.derivation.tiny.fields import Document
from tensorseed.checkpoints.derivation.tiny.sizes import Changes, Path, Sizes, changes_of
from tensorseed.errors import TooLargeError

MAX_MODULES = 4_096
WHOLE = 1 << 30  # no width is larger

_TRIALS = (  # from small to large
    Sizes(),
    Sizes(heads=False),
    Sizes(width=128),
    Sizes(width=128, heads=False),
    Sizes(width=256),
    Sizes(width=256, heads=False),
    Sizes(experts=False),
    Sizes(vocabulary=False),
    Sizes(width=512, heads=False),
    Sizes(counts=False),
    Sizes(counts=False, heads=False),
    Sizes(width=WHOLE, heads=False),
    Sizes(width=WHOLE, heads=False, vocabulary=False),
    Sizes(width=WHOLE, heads=False, experts=False),
)


def shrunk(document: Mapping[str, Any]) -> Document | None:
    """The checked config with few layers and small sizes: the first with which transformers builds the model.

    A layer of each kind stays, up to four, and so do dtype and architecture. Ids of tokens lie within the
    vocabulary. None where transformers builds it with none of the sizes that are tried.
    """
    with silence():
        try:
            whole = _whole(document)
        except Exception:  # a config that does not fit by itself
            return None
        found = (_built(document, changes_of(whole, sizes)) for sizes in _TRIALS)
        return next((small for small in found if small is not None), None)


def parameters(document: Mapping[str, Any]) -> int:
    """The parameters of the config's model, each once. Errors of transformers pass unchanged."""
    config = config_of(document)
    model, _ = build(class_of(document, config), config, bounds=Bounds(MAX_MODULES))
    return sum(parameter.numel() for parameter in model.parameters())


def _built(document: Mapping[str, Any], changes: Changes) -> Document | None:
    """The document with the changes; None where transformers cannot build it, for whatever reason."""
    try:
        small = _changed(document, changes)
        parameters(small)
    except (MemoryError, TooLargeError):
        raise
    except Exception:
        return None
    return small


def _whole(document: Mapping[str, Any]) -> Document:
    """The config with all its defaults."""
    found: Document = config_of(document).to_dict()
    return found


def _changed(document: Mapping[str, Any], changes: Changes) -> Document:
    """The document with the changes to what it has, and those that do not follow from them.

    A field may be computed from others, as the kinds of layers from their number and an interval.
    """
    aliases = {real: alias for alias, real in config_of(document).attribute_map.items()}
    small: Document = copy.deepcopy(dict(document))
    for path, value in changes.items():
        _change_given(small, path, value, aliases)
    try:
        now = _whole(small)
    except Exception:  # it may need the others too
        now = {}
    whole = _whole(document)
    for path, value in changes.items():
        if _at(now, path) != value:
            _change(small, path, value, aliases, whole)
    return small


def _change_given(document: Document, path: Path, value: Any, aliases: Mapping[str, str]) -> None:
    """Set a field that the document has, under all the names that it has there."""
    place: Any = _at(document, path[:-1])
    if not isinstance(place, dict):  # the flat form of transformers 4
        place = document if len(path) == 2 and path[0] == "text_config" else {}
    for name in _names(path, aliases):
        if name in place:
            place[name] = value


def _change(document: Document, path: Path, value: Any, aliases: Mapping[str, str], whole: Document) -> None:
    """Set a field, whether or not the document has it."""
    place = document
    for depth, name in enumerate(path[:-1]):
        if not isinstance(place.get(name), dict):
            kind = _at(whole, (*path[: depth + 1], "model_type"))
            place[name] = {"model_type": kind} if kind else {}
        place = place[name]
    names = _names(path, aliases)
    for name in [name for name in names if name in place] or names[:1]:
        place[name] = value


def _names(path: Path, aliases: Mapping[str, str]) -> list[str]:
    """The names that a field may have in the document: its own, and another that its class knows."""
    other = aliases.get(path[-1]) if len(path) == 1 else None
    return [path[-1], *([other] if other else [])]


def _at(document: Any, path: Path) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document
