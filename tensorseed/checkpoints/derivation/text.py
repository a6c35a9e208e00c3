"""A recipe as people read it: an entry a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def recipe_text(document: Mapping[str, Any]) -> str:
    """A recipe, or its `weights` alone, as JSON: indented, but every entry in one line."""
    return _text(document, "") + "\n"


def _text(value: Any, indent: str) -> str:
    within = f"{indent}  "
    if isinstance(value, dict) and value:
        members = [
            f"{within}{json.dumps(name)}: {_member(name, part, within)}" for name, part in value.items()
        ]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    return json.dumps(value, ensure_ascii=False)


def _member(name: str, value: Any, indent: str) -> str:
    if name != "layers" or not isinstance(value, list) or not value:
        return _text(value, indent)
    lines = [f"{indent}  {json.dumps(entry, ensure_ascii=False)}" for entry in value]
    return "[\n" + ",\n".join(lines) + f"\n{indent}]"
