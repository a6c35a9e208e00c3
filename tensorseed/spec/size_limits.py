"""What is too large to be looked at in detail: told by counting, before anything is validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorseed.spec.faults import Path
from tensorseed.spec.layers.base import MOST_SLOTS
from tensorseed.spec.limits import Limits

MOST_FIELDS = 64  # of one object
MOST_ITEMS = MOST_SLOTS // 2  # of one list of arguments

_SHAPES = frozenset({"shape", "normalized_shape", "out_features"})

Oversize = tuple[Path, str]


def oversize(entry: Any, limits: Limits) -> Oversize | None:
    """The path in `entry` to what holds too much, and the sentence; None where nothing does."""
    if not isinstance(entry, dict):
        return _length(entry, "an entry", MOST_ITEMS)
    if len(entry) > MOST_FIELDS:
        return (), _too_many("an object", "fields", len(entry), MOST_FIELDS)
    for name, value in entry.items():
        if isinstance(value, list):
            most = limits.dimensions if name in _SHAPES else MOST_ITEMS
            found = _length(value, name, most)
        elif isinstance(value, dict):
            found = _inits(value, limits) if name == "init" else oversize(value, limits)
        else:
            continue
        if found is not None:
            return (name, *found[0]), found[1]
    return None


def _inits(inits: Mapping[str, Any], limits: Limits) -> Oversize | None:
    """As `oversize`, for an init, or the inits of a layer by parameter."""
    if len(inits) > MOST_SLOTS:
        return (), _too_many("init", "members", len(inits), MOST_SLOTS)
    for name, value in inits.items():
        found = None
        if isinstance(value, dict):
            found = _inits(value, limits) if len(value) <= MOST_FIELDS else oversize(value, limits)
        elif isinstance(value, list):
            found = _length(value, name, limits.values if name == "data" else MOST_ITEMS)
        if found is not None:
            return (name, *found[0]), found[1]
    return None


def _length(value: Any, name: str, most: int) -> Oversize | None:
    if isinstance(value, list) and len(value) > most:
        what = "dimensions" if name in _SHAPES else "elements"
        return (), _too_many(name if len(name) <= MOST_FIELDS else "this list", what, len(value), most)
    return None


def _too_many(whole: str, parts: str, number: int, most: int) -> str:
    return f"{whole} has at most {most:,} {parts}, this one has {number:,}: leave some out"
