"""Files that a repository has beside those of its recipe, by recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tensorseed.checkpoints.generated_texts import GeneratedText
from tensorseed.checkpoints.recipe import Recipe

Source = Callable[[Recipe], Mapping[str, GeneratedText]]
"""From a recipe to texts by path."""

SOURCES: tuple[Source, ...] = ()


def generated_files(recipe: Recipe) -> dict[str, GeneratedText]:
    """The texts by path. A file of the recipe's own stands before a generated one of its path.

    A source decides from the recipe alone, in microseconds; making the text comes later.
    """
    found: dict[str, GeneratedText] = {}
    for source in SOURCES:
        found |= source(recipe)
    own = {path.lower() for path in recipe.files}
    return {path: text for path, text in found.items() if path.lower() not in own}
