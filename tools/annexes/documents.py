"""Texts of the annexes, by file name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tools.annexes.constants import constants
from tools.annexes.layers import layers_page
from tools.annexes.recipe_schema import recipe_schema

WIDTH = 118


def annexes() -> dict[str, str]:
    """Every generated file of `docs/` that belongs to the normative pages."""
    return {
        "stream-v1.constants.json": laid_out(constants()),
        "recipe-v1.schema.json": laid_out(recipe_schema()),
        "layers-v1.md": layers_page(),
    }


def laid_out(document: Any) -> str:
    """JSON whose lines each hold as much as fits."""
    return "\n".join(_lines(document, "", "")) + "\n"


def _lines(value: Any, indent: str, key: str) -> Iterator[str]:
    flat = indent + key + json.dumps(value, ensure_ascii=False)
    if len(flat) <= WIDTH or not isinstance(value, dict | list) or not value:
        yield flat
        return
    members = (
        [list(_lines(part, indent + " ", f"{json.dumps(name)}: ")) for name, part in value.items()]
        if isinstance(value, dict)
        else [list(_lines(part, indent + " ", "")) for part in value]
    )
    yield indent + key + ("{" if isinstance(value, dict) else "[")
    for place, lines in enumerate(members):
        yield from lines[:-1]
        yield lines[-1] + ("," if place < len(members) - 1 else "")
    yield indent + ("}" if isinstance(value, dict) else "]")
