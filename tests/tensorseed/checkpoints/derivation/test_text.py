"""The text of a recipe is the recipe, with an entry a line."""

from __future__ import annotations

import json

from tensorseed.checkpoints.derivation.text import recipe_text

ENTRY = {"name": "h.{0..1}.w", "type": "Tensor", "shape": [2, 2], "init": {"kind": "normal", "std": 0.02}}


def test_entries_have_a_line_each() -> None:
    document = {
        "id": "a/b",
        "config": {"sizes": [1, 2], "inner": {}},
        "weights": {"dtype": "float32", "layers": [ENTRY] * 3},
    }
    text = recipe_text(document)
    assert json.loads(text) == document
    assert text.count('\n      {"name"') == 3
    assert text.endswith("}\n")
