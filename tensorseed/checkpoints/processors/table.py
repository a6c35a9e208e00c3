"""Table of the image processors and feature extractors of model types.

`python -m tools.processors` writes it from the auto tables of transformers, and no recipe needs transformers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

PATH = resources.files(__package__) / "classes.json"

Values = dict[str, Any]


class ProcessorClasses(NamedTuple):
    """The classes of a model type; None where it has none."""

    image_processor: str | None
    feature_extractor: str | None
    processor: str | None


def classes_of(model_type: object) -> ProcessorClasses | None:
    """The classes of a model type; None for one without images and sounds."""
    row = _table()["model_types"].get(model_type) if isinstance(model_type, str) else None
    if row is None:
        return None
    return ProcessorClasses(row.get("image_processor"), row.get("feature_extractor"), row.get("processor"))


def defaults_of(name: str) -> Values:
    """A copy of what a class has by itself."""
    found: Values = json.loads(json.dumps(_table()["classes"][name]))
    return found


@cache
def _table() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return found
