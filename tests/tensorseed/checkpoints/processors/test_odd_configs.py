"""Configs that hold anything: their files are made all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorseed.checkpoints.library import shipped
from tensorseed.checkpoints.processors import processor_texts
from tensorseed.checkpoints.processors.table import PATH

MODEL_TYPES = sorted(json.loads(PATH.read_text())["model_types"])
ODD: list[Any] = [32, [32, 48], None, True, 0, -1, 1.5, "32", [], [1], {}, {"height": 32}, 1 << 62]
MEMBERS = (
    "image_size",
    "patch_size",
    "temporal_patch_size",
    "spatial_merge_size",
    "image_grid_pinpoints",
    "mm_tokens_per_image",
    "num_image_tokens",
    "vision_feature_select_strategy",
    "num_mel_bins",
    "sampling_rate",
    "max_length",
    "audio_channels",
    "max_source_positions",
    "feat_extract_norm",
)


def written(config: dict[str, Any]) -> dict[str, Any]:
    return {path: json.loads(text.make()) for path, text in processor_texts(config).items()}


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_every_model_type_takes_every_value(value: Any) -> None:
    members = dict.fromkeys(MEMBERS, value)
    nested = {**members, "vision_config": members, "audio_config": members}
    for model_type in MODEL_TYPES:
        assert "preprocessor_config.json" in written({"model_type": model_type, **members})
        assert "preprocessor_config.json" in written({"model_type": model_type, **nested})


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("tiny-whisper", {"bos_token_id": 638, "eos_token_id": 639}),
        ("whisper-tiny", {"bos_token_id": 50_359}),
        ("whisper-tiny", {"eos_token_id": 50_361}),
    ],
)
def test_whisper_names_no_task_whose_id_has_another_role(name: str, changes: dict[str, int]) -> None:
    config = json.loads((shipped() / f"{name}.json").read_text())["config"]
    found = written({**config, **changes})["generation_config.json"]
    ids = [*found["task_to_id"].values(), found.get("prev_sot_token_id")]
    assert not set(changes.values()) & set(ids)
    assert found["no_timestamps_token_id"] not in changes.values()


def test_whisper_takes_special_tokens_anywhere() -> None:
    config = json.loads((shipped() / "tiny-whisper.json").read_text())["config"]
    size = config["vocab_size"]
    for first in range(size):
        places = {"bos_token_id": first, "eos_token_id": (first + 1) % size}
        assert "generation_config.json" in written({**config, **places})
