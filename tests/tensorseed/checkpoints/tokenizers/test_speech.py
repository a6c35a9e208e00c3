"""Tokenizers of transcripts: characters of CTC."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tensorseed.checkpoints.processors import processor_texts
from tensorseed.checkpoints.tokenizers import tokenizer_texts, tokenizer_warnings
from tensorseed.checkpoints.tokenizers.plan import MAX_CHARACTERS

IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
PUBLISHED = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
SMALL = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "intermediate_size": 16,
    "conv_dim": [8, 8],
    "conv_kernel": [10, 3],
    "conv_stride": [5, 2],
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 40,
}
NESTED = {"vocab_size": 300, "encoder_config": {name: SMALL[name] for name in [*SMALL][:4]}}


def vocabulary(size: int, **members: Any) -> dict[str, int]:
    texts = tokenizer_texts({"model_type": "wav2vec2", "vocab_size": size, **IDS, **members})
    assert [*texts] == ["vocab.json", "tokenizer_config.json"]
    found: dict[str, int] = json.loads(texts["vocab.json"].make())
    assert [*found.values()] == [*range(size)]
    return found


def test_32_ids_are_the_published_vocabulary() -> None:
    assert [*vocabulary(32)] == PUBLISHED


@pytest.mark.parametrize("size", [6, 100, 3_503, 30_000])
def test_any_size_has_as_many_characters(size: int) -> None:
    found = [*vocabulary(size)]
    assert found[: min(size, 32)] == PUBLISHED[:size]
    assert all(len(token) == 1 for token in found[4:])


def test_ids_of_the_config_stay_where_they_are() -> None:
    found = [*vocabulary(40, pad_token_id=39, bos_token_id=5, eos_token_id=5)]
    assert (found[39], found[5], found[:3]) == ("<pad>", "</s>", ["|", "E", "T"])


def test_sizes_without_a_vocabulary_are_warnings() -> None:
    def warned(size: int) -> list[str]:
        return [each.detail for each in tokenizer_warnings({"model_type": "hubert", "vocab_size": size})]

    assert warned(6) == []
    assert "6 are enough" in warned(5)[0]
    assert f"at most {MAX_CHARACTERS:,} have one" in warned(MAX_CHARACTERS + 1)[0]


@pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning")  # of WavLM's own attention
@pytest.mark.parametrize(
    ("kind", "fields", "processor"),
    [
        ("wav2vec2", SMALL, "Wav2Vec2Processor"),
        ("wavlm", SMALL, "Wav2Vec2Processor"),  # whose table of tokenizers in transformers is empty
        ("data2vec-audio", SMALL, "Wav2Vec2Processor"),
        ("wav2vec2-bert", {**SMALL, "feature_projection_input_dim": 160}, "Wav2Vec2BertProcessor"),
        ("parakeet_ctc", {**NESTED, "pad_token_id": 299}, "ParakeetProcessor"),
    ],
)
def test_transformers_transcribes(kind: str, fields: dict[str, Any], processor: str, tmp_path: Path) -> None:
    import numpy as np
    import transformers

    config = transformers.AutoConfig.for_model(kind, **fields)
    transformers.AutoModelForCTC.from_config(config).save_pretrained(tmp_path)
    document = json.loads((tmp_path / "config.json").read_text())
    for path, text in {**tokenizer_texts(document), **processor_texts(document)}.items():
        (tmp_path / path).write_bytes(text.make())
    found = transformers.AutoProcessor.from_pretrained(tmp_path)
    assert type(found).__name__ == processor
    assert len(found.tokenizer) == fields["vocab_size"]
    ids = found.tokenizer("HELLO WORLD").input_ids
    assert found.tokenizer.decode(ids, group_tokens=False) == "HELLO WORLD"
    speech = np.sin(np.arange(8_000, dtype=np.float32) / 7)
    recognise = transformers.pipeline("automatic-speech-recognition", str(tmp_path))
    assert isinstance(recognise(speech)["text"], str)
