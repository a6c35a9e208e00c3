"""Class, type and task of a model."""

from __future__ import annotations

import pytest

from tensorseed.checkpoints.model_facts import card_data, model_type, task_of
from tests.tensorseed.checkpoints.recipes import recipe


@pytest.mark.parametrize(
    ("architecture", "task"),
    [
        ("LlamaForCausalLM", "text-generation"),
        ("GPT2LMHeadModel", "text-generation"),
        ("BertForMaskedLM", "fill-mask"),
        ("T5ForConditionalGeneration", "text2text-generation"),
        ("WhisperForConditionalGeneration", "automatic-speech-recognition"),
        ("ViTForImageClassification", "image-classification"),
        ("CLIPModel", "zero-shot-image-classification"),
        ("BertModel", None),
    ],
)
def test_the_class_tells(architecture: str, task: str | None) -> None:
    assert task_of(recipe(config={"architectures": [architecture]})) == task


def test_no_class_tells_nothing() -> None:
    assert task_of(recipe(config={})) is None


@pytest.mark.parametrize(
    ("word", "told"), [("deepseek_v3", "deepseek_v3"), ("a-b", "a-b"), ("a: b", None), (3, None)]
)
def test_the_type_of_model_is_a_tag_where_it_is_a_word(word: object, told: str | None) -> None:
    assert model_type(recipe(config={"model_type": word})) == told


def test_the_head_of_the_card() -> None:
    named = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    assert card_data(recipe(config=named)) == {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["tensorseed", "random-weights", "llama"],
    }
    assert card_data(recipe(config={})) == {
        "library_name": "transformers",
        "tags": ["tensorseed", "random-weights"],
    }
