"""Files of processors, as configs decide them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tensorseed.checkpoints.generated_files import generated_files
from tensorseed.checkpoints.library import shipped
from tensorseed.checkpoints.processors import PROCESSOR_FILES, processor_texts
from tensorseed.checkpoints.processors.table import PATH, defaults_of
from tensorseed.checkpoints.tokenizers import tokenizer_texts
from tests.tensorseed.checkpoints.recipes import recipe
from tools.processors import table

PREPROCESSOR = "preprocessor_config.json"


def written(config: dict[str, Any]) -> dict[str, Any]:
    return {path: json.loads(text.make()) for path, text in processor_texts(config).items()}


@pytest.mark.parametrize(
    ("model_type", "config", "expected"),
    [
        ("vit", {"image_size": 32}, {"size": {"height": 32, "width": 32}}),
        ("vit", {"image_size": [32, 48]}, {"size": {"height": 32, "width": 48}}),
        ("vit", {}, {"size": {"height": 224, "width": 224}}),
        (
            "clip",
            {"vision_config": {"image_size": 32}},
            {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}},
        ),
        (
            "deit",
            {"image_size": 32},
            {"size": {"height": 32, "width": 32}, "crop_size": {"height": 32, "width": 32}},
        ),
        ("pixtral", {"image_size": 64, "patch_size": 8}, {"patch_size": {"height": 8, "width": 8}}),
        (
            "qwen2_vl",
            {"vision_config": {"patch_size": 8, "spatial_merge_size": 4}},
            {"patch_size": 8, "merge_size": 4, "size": {"longest_edge": 1_003_520, "shortest_edge": 3_136}},
        ),
        (
            "idefics3",
            {"vision_config": {"image_size": 32}},
            {"max_image_size": {"longest_edge": 32}, "size": {"longest_edge": 128}},
        ),
        (
            "sam",
            {"vision_config": {"image_size": 64}},
            {"pad_size": {"height": 64, "width": 64}, "mask_size": {"longest_edge": 16}},
        ),
        ("detr", {"image_size": 32}, {"size": {"longest_edge": 1333, "shortest_edge": 800}}),
        ("llava_next", {"image_grid_pinpoints": [[64, 32]]}, {"image_grid_pinpoints": [[64, 32]]}),
        ("paligemma", {"vision_config": {"image_size": 32, "patch_size": 8}}, {"image_seq_length": 16}),
    ],
)
def test_images_have_the_size_of_the_config(
    model_type: str, config: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = written({"model_type": model_type, **config})[PREPROCESSOR]
    assert found["image_processor_type"]
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("model_type", "config", "expected"),
    [
        ("whisper", {}, {"feature_size": 80, "chunk_length": 30, "hop_length": 160}),
        (
            "whisper",
            {"num_mel_bins": 128, "max_source_positions": 1_500},
            {"feature_size": 128, "chunk_length": 30, "hop_length": 160, "nb_max_frames": 3_000},
        ),
        ("whisper", {"max_source_positions": 100}, {"chunk_length": 2, "hop_length": 160}),
        ("whisper", {"max_source_positions": 60}, {"chunk_length": 1, "hop_length": 133}),
        ("qwen2_audio", {"audio_config": {"num_mel_bins": 128}}, {"feature_size": 128}),
        ("wav2vec2", {"feat_extract_norm": "layer"}, {"return_attention_mask": True}),
        ("wav2vec2", {"feat_extract_norm": "group"}, {"return_attention_mask": False}),
        (
            "encodec",
            {"audio_channels": 2, "sampling_rate": 48_000},
            {"feature_size": 2, "sampling_rate": 48_000},
        ),
        (
            "audio-spectrogram-transformer",
            {"max_length": 64, "num_mel_bins": 32},
            {"max_length": 64, "num_mel_bins": 32},
        ),
    ],
)
def test_sounds_have_the_bands_and_lengths_of_the_config(
    model_type: str, config: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = written({"model_type": model_type, **config})[PREPROCESSOR]
    assert found["feature_extractor_type"]
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("positions", [1, 7, 60, 333, 1_500, 4_000])
def test_a_sound_of_whole_seconds_fills_whispers_positions(positions: int) -> None:
    found = written({"model_type": "whisper", "max_source_positions": positions})[PREPROCESSOR]
    samples = found["chunk_length"] * found["sampling_rate"]
    assert found["n_samples"] == samples
    assert samples // found["hop_length"] == found["nb_max_frames"] == 2 * positions


def test_processors_of_text_and_images_have_their_arguments() -> None:
    vision = {"model_type": "clip_vision_model", "patch_size": 8, "image_size": 32}
    found = written({"model_type": "llava", "vision_config": vision})
    assert found[PREPROCESSOR]["processor_class"] == "LlavaProcessor"
    assert found["processor_config.json"] == {
        "processor_class": "LlavaProcessor",
        "patch_size": 8,
        "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
    }
    found = written({"model_type": "gemma3", "mm_tokens_per_image": 4, "vision_config": {}})
    assert found["processor_config.json"] == {"processor_class": "Gemma3Processor", "image_seq_length": 4}


@pytest.mark.parametrize("value", [None, True, -1, 0, "32", 1.5, [], [1], [32, -1], {"height": 32}, 1 << 62])
def test_members_of_other_types_are_left_alone(value: object) -> None:
    config = {"image_size": value, "patch_size": value, "vision_config": value}
    sizes = defaults_of("CLIPImageProcessor")["size"]
    assert written({"model_type": "clip", **config})[PREPROCESSOR]["size"] == sizes
    config = {"num_mel_bins": value, "max_source_positions": value, "audio_config": value}
    assert written({"model_type": "whisper", **config})[PREPROCESSOR]["chunk_length"] == 30


@pytest.mark.parametrize("config", [{}, {"model_type": 7}, {"model_type": "nothing"}, {"model_type": "bert"}])
def test_models_of_text_have_none(config: dict[str, Any]) -> None:
    assert processor_texts(config) == {}


def test_a_file_of_the_recipe_stands_before_all_of_its_processors() -> None:
    config = {
        "model_type": "gemma3",
        "mm_tokens_per_image": 4,
        "architectures": ["Gemma3ForCausalLM"],
        "eos_token_id": 1,
    }
    assert set(generated_files(recipe(config=config, files={}))) == {
        *PROCESSOR_FILES,
        "generation_config.json",
    }
    own: dict[str, Any] = {"processor_config.json": {}, "generation_config.json": {}}
    assert generated_files(recipe(config=config, files=own)) == {}


def test_the_table_is_that_of_transformers() -> None:
    """Of all model types `python -m tools.processors --check` says it."""
    pytest.importorskip("transformers")
    committed = json.loads(PATH.read_text())
    found = table(("clip", "vit", "whisper", "wav2vec2", "qwen2_vl"))
    assert found["model_types"].items() <= committed["model_types"].items()
    assert json.loads(json.dumps(found["classes"])).items() <= committed["classes"].items()


IMAGES = {
    "vit": ({"image_size": 32}, (1, 3, 32, 32)),
    "clip": ({"vision_config": {"image_size": 32}}, (1, 3, 32, 32)),
    "siglip": ({"vision_config": {"image_size": 32}}, (1, 3, 32, 32)),
    "deit": ({"image_size": 32}, (1, 3, 32, 32)),
    "beit": ({"image_size": 32}, (1, 3, 32, 32)),
    "dinov2": ({"image_size": 28}, (1, 3, 28, 28)),
    "llava": ({"vision_config": {"image_size": 32}}, (1, 3, 32, 32)),
    "gemma3": ({"vision_config": {"image_size": 32}}, (1, 3, 32, 32)),
    "paligemma": ({"vision_config": {"image_size": 32}}, (1, 3, 32, 32)),
    "qwen2_vl": ({"vision_config": {"patch_size": 8}}, None),
    "pixtral": ({"image_size": 32, "patch_size": 8}, None),
    "sam": ({"vision_config": {"image_size": 64}}, (1, 3, 64, 64)),
    "idefics3": ({"vision_config": {"image_size": 32}}, None),
    "convnext": ({"image_size": 32}, (1, 3, 32, 32)),
}
SOUNDS = {
    "whisper": ({"max_source_positions": 60}, (1, 80, 120)),
    "wav2vec2": ({"feat_extract_norm": "layer"}, (1, 4_000)),
    "audio-spectrogram-transformer": ({"max_length": 64, "num_mel_bins": 32}, (1, 64, 32)),
    "encodec": ({"sampling_rate": 16_000}, (1, 1, 4_000)),
}


def saved(folder: Path, model_type: str, config: dict[str, Any]) -> Path:
    document = {"model_type": model_type, **config}
    (folder / "config.json").write_text(json.dumps(document))
    for path, text in processor_texts(document).items():
        (folder / path).write_bytes(text.make())
    return folder


@pytest.mark.parametrize("model_type", IMAGES)
def test_transformers_makes_images_of_the_size_that_the_model_takes(model_type: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    import numpy as np

    config, shape = IMAGES[model_type]
    processor = transformers.AutoImageProcessor.from_pretrained(saved(tmp_path, model_type, config))
    image = np.arange(40 * 50 * 3, dtype=np.uint8).reshape(40, 50, 3)
    values = processor(image, return_tensors="pt")["pixel_values"]
    assert shape is None or tuple(values.shape) == shape
    assert values.isfinite().all()


@pytest.mark.parametrize("model_type", SOUNDS)
def test_transformers_makes_features_of_the_length_that_the_model_takes(
    model_type: str, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    import numpy as np

    config, shape = SOUNDS[model_type]
    extractor = transformers.AutoFeatureExtractor.from_pretrained(saved(tmp_path, model_type, config))
    sound = np.sin(np.arange(4_000, dtype=np.float32))
    values = extractor(sound, sampling_rate=16_000, return_tensors="pt")
    assert tuple(values[extractor.model_input_names[0]].shape) == shape


def test_whisper_generates_by_the_ids_of_its_tokenizer() -> None:
    config = json.loads((shipped() / "whisper-tiny.json").read_text())["config"]
    found = written(config)["generation_config.json"]
    assert found["lang_to_id"].items() >= {"<|en|>": 50_259, "<|zh|>": 50_260, "<|su|>": 50_357}.items()
    assert found["task_to_id"] == {"translate": 50_358, "transcribe": 50_359}
    assert (found["prev_sot_token_id"], found["no_timestamps_token_id"]) == (50_361, 50_363)
    assert (found["max_length"], found["pad_token_id"]) == (448, found["eos_token_id"])
    assert found["begin_suppress_tokens"] == config["begin_suppress_tokens"]
    assert found["alignment_heads"] == [[3, head] for head in range(6)]
    assert found["is_multilingual"] is True
    english = written({**config, "vocab_size": 51_864})["generation_config.json"]
    assert english["is_multilingual"] is False
    assert "lang_to_id" not in english


def test_whisper_with_few_ids_has_no_timestamps() -> None:
    config = {"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], "vocab_size": 20}
    found = written({**config, "eos_token_id": 2, "max_target_positions": 8})["generation_config.json"]
    assert found == {"eos_token_id": 2, "pad_token_id": 2, "begin_suppress_tokens": [2], "max_length": 8}


TEXT = {"vocab_size": 1_000, "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 4}
VISION = {"hidden_size": 32, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
CLIP_VISION = {**VISION, "model_type": "clip_vision_model"}
SIGLIP_VISION = {**VISION, "model_type": "siglip_vision_model"}
BOTH = {
    "llava": ({"text_config": {**TEXT, "model_type": "llama"}, "vision_config": CLIP_VISION}, 16),
    "gemma3": (
        {
            "text_config": {**TEXT, "model_type": "gemma3_text"},
            "vision_config": SIGLIP_VISION,
            "mm_tokens_per_image": 4,
            "boi_token_index": 901,
            "eoi_token_index": 902,
        },
        4,
    ),
}


@pytest.mark.parametrize("model_type", BOTH)
def test_transformers_puts_the_tokens_of_an_image_into_a_text(model_type: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    import numpy as np

    config, tokens = BOTH[model_type]
    config = {**config, "image_token_index": 900}
    folder = saved(tmp_path, model_type, config)
    for path, text in tokenizer_texts({"model_type": model_type, **config}).items():
        (folder / path).write_bytes(text.make())
    processor = transformers.AutoProcessor.from_pretrained(folder)
    mark = processor.boi_token if model_type == "gemma3" else processor.image_token
    image = np.zeros((40, 50, 3), dtype=np.uint8)
    inputs = processor(text=f"{mark} what", images=image, return_tensors="pt")
    assert (inputs["input_ids"] == 900).sum() == tokens
    assert tuple(inputs["pixel_values"].shape) == (1, 3, 32, 32)
