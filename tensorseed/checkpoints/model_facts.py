"""Facts of a recipe's model: library, class, task, tags."""

from __future__ import annotations

from typing import Any

from tensorseed.checkpoints.derivation.configs import architecture_of
from tensorseed.checkpoints.paths import id_faults
from tensorseed.checkpoints.recipe import Recipe

MODEL_INDEX = "model_index.json"  # of a pipeline of diffusers

TASKS = {
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForMaskedLM": "fill-mask",
    "WhisperForConditionalGeneration": "automatic-speech-recognition",
    "T5ForConditionalGeneration": "text2text-generation",
    "ForImageClassification": "image-classification",
    "ForSequenceClassification": "text-classification",
    "CLIPModel": "zero-shot-image-classification",
    "StableDiffusionPipeline": "text-to-image",
    "StableDiffusionXLPipeline": "text-to-image",
    "StableDiffusion3Pipeline": "text-to-image",
    "FluxPipeline": "text-to-image",
}


def architecture(recipe: Recipe) -> str | None:
    """The class in transformers that the config names, if it names one."""
    named = architecture_of(recipe.config or {})
    return named if named.isidentifier() else None


def model_type(recipe: Recipe) -> str | None:
    """The config's model_type, if it is a plain word."""
    word = (recipe.config or {}).get("model_type")
    return word if isinstance(word, str) and word.replace("-", "_").isidentifier() else None


def family(recipe: Recipe) -> str | None:
    """The model_type of a recipe, its class of diffusers, or the kind of its adapter."""
    config, adapter = recipe.config or {}, recipe.adapter_config or {}
    of_diffusers = pipeline_class(recipe) or config.get("_class_name")
    named = model_type(recipe) or of_diffusers or adapter.get("peft_type")
    return named if isinstance(named, str) else None


def task_of(recipe: Recipe) -> str | None:
    """The task of a recipe's model; None if its class has none."""
    name = architecture(recipe) or pipeline_class(recipe) or ""
    return next((task for suffix, task in TASKS.items() if name.endswith(suffix)), None)


def library_name(recipe: Recipe) -> str:
    """The library that loads the repository."""
    if recipe.adapter_config is not None:
        return "peft"
    is_diffusers = MODEL_INDEX in recipe.files or "_class_name" in (recipe.config or {})
    return "diffusers" if is_diffusers else "transformers"


def pipeline_class(recipe: Recipe) -> str | None:
    """The class of diffusers that the model index names, if there is one."""
    index = recipe.files.get(MODEL_INDEX)
    name = index.get("_class_name") if isinstance(index, dict) else None
    return name if isinstance(name, str) and name.isidentifier() else None


def base_model(recipe: Recipe) -> str | None:
    """The id of the repository that an adapter is of."""
    named = (recipe.adapter_config or {}).get("base_model_name_or_path")
    return named if isinstance(named, str) and id_faults(named) == [] else None


def card_data(recipe: Recipe) -> dict[str, Any]:
    """The front matter of the model card, and `cardData` of a listing."""
    task, kind, base = task_of(recipe), model_type(recipe), base_model(recipe)
    tags = ["tensorseed", "random-weights", *([kind] if kind else [])]
    return {
        "library_name": library_name(recipe),
        **({"pipeline_tag": task} if task else {}),
        **({"base_model": base} if base else {}),
        "tags": tags,
    }
