"""Defaults of a config's class, spelled out where a tokenizer reads them."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.checkpoints.derivation import derive
from tensorseed.checkpoints.derivation.recipe_from_model import with_vocabulary
from tensorseed.checkpoints.tokenizers import plan_tokenizer


@pytest.mark.parametrize(
    ("config", "size", "special"),
    [
        ({"model_type": "gpt2"}, 50_257, {50_256: "<|endoftext|>"}),
        ({"model_type": "siglip_text_model"}, 32_000, {1: "<pad>"}),
        ({"model_type": "phi", "vocab_size": 1_000}, 1_000, {1: "<|startoftext|>", 2: "<|endoftext|>"}),
        ({"model_type": "mamba", "vocab_size": 1_000}, 1_000, {0: "</s>"}),
        ({"model_type": "gpt2", "vocab_size": 1_000}, 1_000, {999: "<pad>"}),
        ({"model_type": "clip"}, 49_408, {1: "<pad>", 49_406: "<|startoftext|>", 49_407: "<|endoftext|>"}),
        (
            {"model_type": "phi", "vocab_size": 1_000, "eos_token_id": 7},
            1_000,
            {1: "<|startoftext|>", 7: "<|endoftext|>"},
        ),
    ],
)
def test_a_tokenizer_has_the_ids_of_the_class(
    config: dict[str, Any], size: int, special: dict[int, str]
) -> None:
    spelled = with_vocabulary(config)
    assert config.items() <= spelled.items()
    plan = plan_tokenizer(spelled)
    assert plan is not None
    assert (plan.size, plan.special) == (size, special)
    assert with_vocabulary(spelled) == spelled


def test_a_model_of_images_and_text_has_those_of_its_text() -> None:
    text = {"model_type": "gemma3_text", "hidden_size": 2_560}  # as published for gemma-3-4b
    plan = plan_tokenizer(with_vocabulary({"model_type": "gemma3", "text_config": text}))
    assert plan is not None
    assert plan.size == 262_208
    assert plan.roles.items() >= {"bos": "<bos>", "eos": "<eos>", "pad": "<pad>"}.items()
    assert plan.special[262_144] == "<image>"


def test_what_reads_no_text_stays_as_it_is() -> None:
    assert with_vocabulary({"model_type": "vit"}) == {"model_type": "vit"}


def test_a_derived_recipe_spells_them_out() -> None:
    small = {"model_type": "phi", "hidden_size": 8, "intermediate_size": 8, "vocab_size": 300}
    config = {**small, "num_attention_heads": 2, "num_hidden_layers": 1}
    assert derive(config)["config"] == {**config, "bos_token_id": 1, "eos_token_id": 2}
