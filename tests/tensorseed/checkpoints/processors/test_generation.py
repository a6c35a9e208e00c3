"""Generation configs, as configs decide them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorseed.checkpoints.processors import processor_texts
from tensorseed.checkpoints.processors.generation import generation_config

BART = {"model_type": "bart", "architectures": ["BartForConditionalGeneration"]}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"bos_token_id": 1, "eos_token_id": [2, 3], "pad_token_id": None},
            {"bos_token_id": 1, "eos_token_id": [2, 3]},
        ),
        ({"text_config": {"eos_token_id": 2}}, {"eos_token_id": 2}),
        (
            {"eos_token_id": None, "text_config": {"eos_token_id": 2, "pad_token_id": 0}, "pad_token_id": 1},
            {"eos_token_id": 2, "pad_token_id": 1},
        ),
        (
            {"eos_token_id": 2, "do_sample": True, "top_p": 0.9, "top_k": None, "max_length": "20"},
            {"eos_token_id": 2, "do_sample": True, "top_p": 0.9},
        ),
        ({"eos_token_id": "2"}, None),
        ({"bos_token_id": 1}, None),
        ({"eos_token_id": 2, "architectures": ["LlamaModel"]}, None),
        ({"eos_token_id": 2, "architectures": "LlamaForCausalLM"}, None),
    ],
)
def test_generation_is_what_the_config_says(config: dict[str, Any], expected: object) -> None:
    found = processor_texts({"model_type": "llama", "architectures": ["LlamaForCausalLM"], **config})
    text = found.get("generation_config.json")
    assert (json.loads(text.make()) if text else None) == expected


def test_a_class_that_adds_ids_of_its_own_has_no_file_without_them() -> None:
    ids = {"eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": 7}
    assert generation_config({**BART, **ids}) == ids
    for name in ids:
        assert generation_config({**BART, **{other: ids[other] for other in ids if other != name}}) == {}
    assert generation_config({**BART, **ids, "forced_eos_token_id": None}) == {
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
    }
    t5 = {"architectures": ["T5ForConditionalGeneration"], "eos_token_id": 1}
    assert generation_config(t5) == {}
    assert generation_config({**t5, "decoder_start_token_id": 0}) == {
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }


def test_it_is_what_transformers_derives_from_the_config() -> None:
    transformers = pytest.importorskip("transformers")
    config = {
        **BART,
        "eos_token_id": None,
        "decoder": {"eos_token_id": 2, "num_beams": 3},
        "decoder_start_token_id": 2,
        "forced_bos_token_id": 0,
        "forced_eos_token_id": 7,
        "suppress_tokens": [3, 4],
        "begin_suppress_tokens": [5],
        "num_beams": 4,
        "length_penalty": 2.0,
        "no_repeat_ngram_size": 3,
    }
    derived = transformers.GenerationConfig.from_model_config(config).to_diff_dict()
    beside = ("transformers_version", "_from_model_config", "use_cache")
    assert generation_config(config) == {name: value for name, value in derived.items() if name not in beside}
