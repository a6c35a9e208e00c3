"""Files that a repository has beside those of its recipe, by recipe."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from tensorseed.checkpoints.generated_texts import UNEXPECTED, GeneratedText
from tensorseed.checkpoints.processors import PROCESSOR_FILES, processor_texts
from tensorseed.checkpoints.recipe import Recipe
from tensorseed.checkpoints.tokenizers import is_tokenizer_file, tokenizer_texts
from tensorseed.checkpoints.weight_sets import CONFIG

_log = logging.getLogger(__name__)

Source = Callable[[Recipe], Mapping[str, GeneratedText]]
"""From a recipe to texts by path."""

_ENCODER = "text_encoder"  # begins the folders of text encoders in a pipeline of diffusers


def tokenizers(recipe: Recipe) -> dict[str, GeneratedText]:
    """The tokenizers of a recipe's models by path."""
    return {
        f"{prefix}{path}": text
        for prefix, config in tokenized(recipe).items()
        for path, text in tokenizer_texts(config).items()
    }


def tokenized(recipe: Recipe) -> dict[str, Mapping[str, Any]]:
    """The configs that tokenizers are generated for, by folder, but for folders that have one already.

    A pipeline of diffusers has the tokenizer of `text_encoder_2` in `tokenizer_2`. A component whose folder
    has that name in any case is no place for it: on many disks the two are one folder.
    """
    own = {
        f"{folder}{slash}".lower()
        for folder, slash, name in (path.rpartition("/") for path in recipe.files)
        if is_tokenizer_file(name)
    }
    components = {f"{part.folder}/".lower() for part in recipe.sets if part.folder}
    found: dict[str, Mapping[str, Any]] = {}
    for part in recipe.sets:
        if part.config_name != CONFIG:
            continue
        folder = part.folder
        if folder.startswith(_ENCODER):
            folder = f"tokenizer{folder.removeprefix(_ENCODER)}"
        prefix = f"{folder}/" if folder else ""
        is_taken = folder != part.folder and prefix.lower() in components
        if prefix.lower() not in own and not is_taken:
            found[prefix] = part.config
    return found


def processors(recipe: Recipe) -> Mapping[str, GeneratedText]:
    """The processors of a recipe's model, unless the recipe has files of one, and its generation."""
    found = processor_texts(recipe.config or {})
    if {path.lower() for path in recipe.files}.isdisjoint(PROCESSOR_FILES):
        return found
    return {path: text for path, text in found.items() if path not in PROCESSOR_FILES}


SOURCES: tuple[Source, ...] = (tokenizers, processors)


def generated_files(recipe: Recipe) -> dict[str, GeneratedText]:
    """The texts by path. A file of the recipe's own stands before one of its path, or below it.

    A source decides from the recipe alone, in microseconds; making the text comes later. One that fails at
    a config gives none.
    """
    found: dict[str, GeneratedText] = {}
    for source in SOURCES:
        try:
            found |= source(recipe)
        except UNEXPECTED:
            _log.warning(
                "the recipe %s has no generated %s",
                recipe.id,
                getattr(source, "__name__", "files"),
                exc_info=True,
            )
    own = {path.lower() for path in recipe.files}
    return {path: text for path, text in found.items() if own.isdisjoint(_with_folders(path.lower()))}


def _with_folders(path: str) -> list[str]:
    """The path, and those of the folders that it is in."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
