"""Files that a repository has beside those of its recipe."""

from __future__ import annotations

import json

import pytest

from tensorseed.checkpoints.generated_files import generated_files, tokenizers
from tensorseed.checkpoints.library import Library, shipped
from tensorseed.checkpoints.recipe import read_recipe
from tensorseed.spec.limits import Limits
from tests.tensorseed.checkpoints.recipes import recipe, tensor

LLAMA = {"model_type": "llama", "vocab_size": 300, "bos_token_id": 1, "eos_token_id": 2}
OWN = (
    *("tokenizer.json", "Tokenizer.model", "vocab.txt", "tekken.json", "spm.model", "sentencepiece.model"),
    *("source.spm", "tokenizer.model.v3", "vocab.bpe", "merges.txt", "qwen.tiktoken", "tokenization_own.py"),
)
FILES = {"tokenizer.json", "tokenizer_config.json", "tokenizer.model"}


def test_a_model_of_text_has_a_tokenizer() -> None:
    assert set(tokenizers(recipe(config=LLAMA))) == FILES
    assert set(generated_files(recipe(config=LLAMA))) >= FILES
    assert tokenizers(recipe(config={"model_type": "vit"})) == {}


@pytest.mark.parametrize("path", OWN)
def test_a_tokenizer_of_the_recipes_own_stands_alone(path: str) -> None:
    assert tokenizers(recipe(config=LLAMA, files={path: "own"})) == {}
    assert set(tokenizers(recipe(config=LLAMA, files={f"else/{path}": "own"}))) == FILES
    assert set(tokenizers(recipe(config=LLAMA, files={f"my-{path}.txt": "own"}))) == FILES


def test_a_pipeline_has_one_for_each_text_encoder() -> None:
    library = Library([shipped()], Limits(), 5_000_000_000)
    found = tokenizers(library.repository("tensorseed/tiny-flux").recipe)
    assert set(found) == {
        "tokenizer/tokenizer.json",
        "tokenizer/tokenizer_config.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "tokenizer_2/tokenizer.json",
        "tokenizer_2/tokenizer_config.json",
        "tokenizer_2/spiece.model",
    }


def test_a_component_keeps_the_folder_that_a_tokenizer_would_have() -> None:
    parts = {
        "text_encoder": {"config": LLAMA, "weights": {"layers": [tensor("w", [8])]}},
        "Tokenizer": {"config": {"model_type": "vit"}, "weights": {"layers": [tensor("w", [8])]}},
    }
    whole = {
        "id": "tests/two",
        "files": {"model_index.json": {"_class_name": "Pipeline"}},
        "components": parts,
    }
    assert generated_files(read_recipe(json.dumps(whole).encode(), "two.json")) == {}
    del parts["Tokenizer"]
    found = generated_files(read_recipe(json.dumps(whole).encode(), "two.json"))
    assert {path.partition("/")[0] for path in found} == {"tokenizer"}
