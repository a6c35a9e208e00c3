"""Recipes of the hub: reading is idempotent, and refusals have reasons."""

from __future__ import annotations

import json

from tensorseed.checkpoints.errors import RecipeError
from tensorseed.checkpoints.paths import MAX_FILES, MAX_PATH_CHARS
from tensorseed.checkpoints.recipe import read_recipe


def corpus() -> list[bytes]:
    """Recipes whose weights are given, and some with faults."""
    layer = {"type": "Linear", "name": "fc", "in_features": 2, "out_features": 3}
    plain = {"id": "a/b", "config": {"model_type": "none"}, "weights": {"layers": [layer]}}
    recipes = [
        plain,
        {
            **plain,
            "description": "A recipe.",
            "shard_bytes": 1 << 20,
            "files": {"a/b.json": {"c": 1}, "d.txt": ""},
        },
        {**plain, "files": {"../a": "", "README.md": 1, "A": "", "a": ""}},
        {**plain, "id": "api/models"},
        {**plain, "weights": {"dtype": "bfloat16", "layers": []}},
        {"id": "a"},
    ]
    return [json.dumps(recipe).encode() for recipe in recipes]


def check(data: bytes) -> None:
    """The data as a recipe's file."""
    try:
        recipe = read_recipe(data, "fuzzed")
    except RecipeError as error:
        _check_name(error)
        return
    assert len(recipe.files) <= MAX_FILES, "more files than may be"
    for path in recipe.files:
        assert len(path) <= MAX_PATH_CHARS, "a path longer than may be"
        assert ".." not in path.split("/"), "a path that leads out"
        assert not path.startswith("/"), "a path from the root"
    written = json.dumps(recipe.model_dump(exclude_none=True)).encode()
    assert read_recipe(written, "fuzzed") == recipe, "written and read again, it is another"


def _check_name(error: RecipeError) -> None:
    assert "fuzzed" in str(error), "an error that does not name the recipe"
