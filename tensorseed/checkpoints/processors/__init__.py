"""Image processors and feature extractors that fit a config.

`docs/recipes.md` describes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from tensorseed.checkpoints.generated_texts import GeneratedText
from tensorseed.checkpoints.processors.feature_extractors import feature_extractor
from tensorseed.checkpoints.processors.generation import generation_config
from tensorseed.checkpoints.processors.image_processors import image_processor, processor_arguments
from tensorseed.checkpoints.processors.table import classes_of
from tensorseed.checkpoints.processors.whisper import whisper_generation

__all__ = ["PROCESSOR_FILES", "processor_texts"]

PREPROCESSOR_CONFIG = "preprocessor_config.json"
PROCESSOR_CONFIG = "processor_config.json"
GENERATION_CONFIG = "generation_config.json"
PROCESSOR_FILES = frozenset((PREPROCESSOR_CONFIG, PROCESSOR_CONFIG))
"""Paths of which one in a recipe means that it has processors of its own."""


def processor_texts(config: Mapping[str, Any]) -> dict[str, GeneratedText]:
    """The files of a model by path: of its processors, and of its generation. Its config says which."""
    generation = generation_config(config)
    found = {PREPROCESSOR_CONFIG: _preprocessor(config), GENERATION_CONFIG: generation}
    classes = classes_of(config.get("model_type"))
    arguments = processor_arguments(config)
    if classes is not None and classes.processor is not None and arguments:
        found[PROCESSOR_CONFIG] = {**arguments, "processor_class": classes.processor}
    texts = {path: _text(document) for path, document in found.items() if document}
    if generation and config.get("model_type") == "whisper":
        texts[GENERATION_CONFIG] = whisper_generation(config, generation)
    return texts


def _preprocessor(config: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `preprocessor_config.json`, which holds what reads images and what reads sounds."""
    classes = classes_of(config.get("model_type"))
    if classes is None:
        return {}
    found: dict[str, Any] = {}
    if classes.image_processor is not None:
        found |= image_processor(classes.image_processor, config)
    if classes.feature_extractor is not None:
        found |= feature_extractor(classes.feature_extractor, config)
    if classes.processor is not None:
        found["processor_class"] = classes.processor
    return found


def _text(document: dict[str, Any]) -> GeneratedText:
    """A document as transformers writes it."""
    text = f"{json.dumps(document, indent=2, sort_keys=True)}\n"
    return GeneratedText(text, partial(text.encode, "ascii"))
