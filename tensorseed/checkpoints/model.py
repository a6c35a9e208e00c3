"""Class, type and task of the model of a recipe, from its config."""

from __future__ import annotations

from typing import Any

from tensorseed.checkpoints.recipe import Recipe

LIBRARY = "transformers"

TASKS = {
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForMaskedLM": "fill-mask",
    "WhisperForConditionalGeneration": "automatic-speech-recognition",
    "T5ForConditionalGeneration": "text2text-generation",
    "ForImageClassification": "image-classification",
    "ForSequenceClassification": "text-classification",
    "CLIPModel": "zero-shot-image-classification",
}


def architecture(recipe: Recipe) -> str | None:
    """The class in transformers that the config names, if it names one."""
    named = recipe.config.get("architectures")
    first = named[0] if isinstance(named, list) and named else None
    return first if isinstance(first, str) and first.isidentifier() else None


def model_type(recipe: Recipe) -> str | None:
    """The config's model_type, if it is a plain word."""
    word = recipe.config.get("model_type")
    return word if isinstance(word, str) and word.replace("-", "_").isidentifier() else None


def task_of(recipe: Recipe) -> str | None:
    """The task of a recipe's model; None if its class has none."""
    name = architecture(recipe) or ""
    return next((task for suffix, task in TASKS.items() if name.endswith(suffix)), None)


def card_data(recipe: Recipe) -> dict[str, Any]:
    """The front matter of the model card, and `cardData` of a listing."""
    task, kind = task_of(recipe), model_type(recipe)
    tags = ["tensorseed", "random-weights", *([kind] if kind else [])]
    return {"library_name": LIBRARY, **({"pipeline_tag": task} if task else {}), "tags": tags}
