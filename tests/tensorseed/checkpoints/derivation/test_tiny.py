"""Shrunk configs: small, consistent, of the same kinds of layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tensorseed.checkpoints.derivation import derivation_of, derive
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.process import _answer, _message, _parsed
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of
from tensorseed.checkpoints.derivation.tiny import shrinking
from tensorseed.checkpoints.derivation.tiny.changing import without_computed
from tensorseed.checkpoints.derivation.tiny.shrinking import parameters
from tensorseed.checkpoints.library import shipped
from tensorseed.checkpoints.quantization import read_format, written_format
from tests.tensorseed.checkpoints.derivation.families import FAMILIES
from tests.tensorseed.checkpoints.derivation.published import PUBLISHED
from tests.tensorseed.checkpoints.derivation.test_from_config import write
from tests.tensorseed.checkpoints.shipped.facts import PARAMETERS

MAX_PARAMETERS = 2_000_000
DEFAULTS = {  # a class of each, built with all defaults of its config
    "d_fine": "DFineForObjectDetection",
    "dots3_note": "Dots3NoteForConditionalGeneration",
    "dots3_note_text": "Dots3NoteForCausalLM",
    "efficientloftr": "EfficientLoFTRModel",
    "efficientnet": "EfficientNetModel",
    "ernie4_5_vl_moe": "Ernie4_5_VLMoeForConditionalGeneration",
    "falcon": "FalconForCausalLM",
    "gpt_oss": "GptOssForCausalLM",
    "gemma3": "Gemma3ForConditionalGeneration",
    "jamba": "JambaForCausalLM",
    "janus": "JanusForConditionalGeneration",
    "fastspeech2_conformer_with_hifigan": "FastSpeech2ConformerWithHifiGan",
    "llava": "LlavaForConditionalGeneration",
    "mamba2": "Mamba2ForCausalLM",
    "mobilenet_v1": "MobileNetV1Model",
    "molmo2": "Molmo2ForConditionalGeneration",
    "musicgen": "MusicgenForConditionalGeneration",
    "pp_lcnet_v3": "PPLCNetV3Backbone",
    "qwen2_vl": "Qwen2VLForConditionalGeneration",
    "qwen3_next": "Qwen3NextForCausalLM",
    "seamless_m4t_v2": "SeamlessM4Tv2Model",
    "swin": "SwinForImageClassification",
    "swin2sr": "Swin2SRForImageSuperResolution",
    "vibevoice_acoustic_tokenizer": "VibeVoiceAcousticTokenizerModel",
    "wav2vec2": "Wav2Vec2ForCTC",
    "xlm": "XLMWithLMHeadModel",
}


def published(name: str) -> dict[str, Any]:
    return dict(json.loads((shipped() / f"{name}.json").read_text())["config"])


def default(kind: str) -> dict[str, Any]:
    document = json.loads(CONFIG_MAPPING[kind]().to_json_string(use_diff=False))
    return {**document, "model_type": kind, "architectures": [DEFAULTS[kind]]}


def shrunk(config: dict[str, Any]) -> dict[str, Any]:
    small = shrinking.shrunk(config)
    assert small is not None
    return small


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_configs_become_small(name: str) -> None:
    config = published(name)
    small = shrunk(config)
    assert set(config) <= set(small)
    assert len(small) <= len(config) + 1  # a default that is too large, if any
    assert {field: small[field] for field in ("model_type", "architectures")} == {
        field: config[field] for field in ("model_type", "architectures")
    }
    assert small.get("dtype", small.get("torch_dtype")) == config.get("dtype", config.get("torch_dtype"))
    assert parameters(small) < MAX_PARAMETERS
    vocabulary = small.get("text_config", small).get("vocab_size")
    for field, value in small.items():
        if field.endswith("token_id") and value is not None and vocabulary:
            assert all(token < vocabulary for token in (value if isinstance(value, list) else [value])), field


@pytest.mark.parametrize("kind", DEFAULTS)
def test_default_configs_become_small(kind: str) -> None:
    assert parameters(shrunk(default(kind))) < MAX_PARAMETERS


@pytest.mark.parametrize("kind", ["d_fine", "dots3_note_text", "mamba2", "pp_lcnet_v3", "seamless_m4t_v2"])
def test_small_models_load(kind: str, tmp_path: Path) -> None:
    small = shrunk(default(kind))
    write(derive(small), tmp_path)
    cls = class_of(small, config_of(small))
    model, loading = cls.from_pretrained(tmp_path, output_loading_info=True)
    assert {what: keys for what, keys in loading.items() if keys} == {}
    assert sum(part.numel() for part in model.parameters()) == parameters(small)


def test_stages_beside_layers_of_attention() -> None:
    """The class computes a list of widths for each stage, and turns several heads by the same angles."""
    small = shrunk(default("efficientloftr"))
    config = config_of(small)
    assert config.stage_num_blocks == [1, 2, 2, 2]
    assert config.stage_block_out_channels == [[16], [16, 16], [32, 32], [64, 64]]
    model = class_of(small, config)._from_config(config).eval()
    with torch.no_grad():
        model(torch.rand(1, 2, 3, 64, 64))  # which fails where widths or angles do not fit


@pytest.mark.parametrize(("kind", "field"), [("llava_next", "image_grid_pinpoints"), ("dinat", "dilations")])
def test_lists_of_lists_that_a_config_has_of_its_own_stay(kind: str, field: str) -> None:
    document = json.loads(CONFIG_MAPPING[kind]().to_json_string(use_diff=False)) | {"model_type": kind}
    assert without_computed(document)[field] == document[field]


def test_sizes_of_speech_and_its_vocoder() -> None:
    small = shrunk(default("seamless_m4t_v2"))
    config = config_of(small)
    assert config.hidden_size == 64
    counts = [name for name in small if name.endswith("_layers") and "adapter" not in name]
    assert {name: small[name] for name in counts if small[name] > 2} == {}
    heads = [name for name in small if name.endswith("attention_heads")]
    assert {small[name] for name in heads} == {4}
    assert config.upsample_initial_channel == 2 << len(config.upsample_rates)
    assert config.upsample_rates == [5, 4, 4, 2, 2]
    assert all(config.vocab_size > small[name] for name in ("pad_token_id", "bos_token_id", "eos_token_id"))


def test_heads_of_an_expanded_width() -> None:
    small = shrunk(default("mamba2"))
    assert small["num_heads"] * small["head_dim"] == small["expand"] * small["hidden_size"] == 128
    assert small["num_heads"] % small["n_groups"] == 0


def test_a_layer_with_sizes_of_its_own() -> None:
    """Its heads and widths shrink as those of the config, so that its norms fit."""
    small = shrunk(default("dots3_note_text"))
    own = small["per_layer_config"]["02"]
    assert own["qk_nope_head_dim"] + small["qk_rope_head_dim"] == small["head_dim"]
    assert own["num_attention_heads"] <= small["num_attention_heads"]


def test_infinity_as_transformers_writes_it() -> None:
    document = default("mamba2")
    assert document["time_step_limit"][1] == {"__float__": "Infinity"}
    assert config_of(document).time_step_limit[1] == float("inf")
    assert derive(shrunk(document))["config"]["time_step_limit"] == document["time_step_limit"]


def test_a_part_that_the_config_leaves_out_keeps_what_its_owner_says() -> None:
    small = shrunk({"model_type": "d_fine"})
    assert small["backbone_config"]["out_indices"] == [2, 3, 4]
    assert parameters(small) < MAX_PARAMETERS


@pytest.mark.parametrize(
    ("sizes", "heads"),
    [
        ({"hidden_size": 8}, 4),
        ({"hidden_size": 50}, 1),
        ({"hidden_size": 60, "num_attention_heads": 15, "num_key_value_heads": 5}, 3),
        ({"hidden_size": 56, "num_attention_heads": 7, "num_key_value_heads": 7}, 4),
        ({"n_embd": 100, "model_type": "gpt2", "n_head": 5}, 4),
    ],
)
def test_sizes_fit_where_fields_are_absent(sizes: dict[str, Any], heads: int) -> None:
    """Defaults that do not fit a given width are mended, and those that are too large shrink."""
    small = shrunk({"model_type": "llama", **sizes})
    assert config_of(small).num_attention_heads == heads
    assert parameters(small) < MAX_PARAMETERS // 2


@pytest.mark.parametrize("name", [*FAMILIES, *PUBLISHED])
def test_small_configs_stay_small(name: str) -> None:
    config = FAMILIES[name] if name in FAMILIES else PUBLISHED[name].config
    assert parameters(shrunk(config)) <= max(parameters(config), MAX_PARAMETERS)


def test_a_layer_of_each_kind_stays() -> None:
    assert set(config_of(shrunk(default("qwen3_next"))).layer_types) == {"linear_attention", "full_attention"}
    assert set(config_of(shrunk(default("gpt_oss"))).layer_types) == {"sliding_attention", "full_attention"}
    names = [entry["name"] for entry in derive(shrunk(published("deepseek-v3")))["weights"]["layers"]]
    assert any("layers.0.mlp.gate_proj" in name for name in names)  # dense
    assert any("layers.1.mlp.experts" in name for name in names)


@pytest.mark.parametrize(
    "name", ["llama-3-8b", "mixtral-8x7b-v0.1", "deepseek-v3", "gemma-3-1b", "phi-3-mini-4k"]
)
def test_a_small_model_runs(name: str) -> None:
    config = config_of(shrunk(published(name)))
    model = class_of(published(name), config)(config)
    with torch.no_grad():
        assert bool(model(input_ids=torch.tensor([[1, 2, 3]])).logits.isfinite().all())


def test_ids_of_images_and_text_agree() -> None:
    """The ids of the end of a text, and of images, lie far out in the vocabulary."""
    llama = FAMILIES["llama"] | {
        "vocab_size": 128_256,
        "bos_token_id": 128_000,
        "eos_token_id": [128_001, 128_009],
    }
    small = shrunk({**llama, "pad_token_id": 128_009})
    assert small["bos_token_id"] < small["vocab_size"]
    assert small["pad_token_id"] == small["eos_token_id"][1] != small["eos_token_id"][0]
    seeing = shrunk(default("gemma3"))
    ids = [seeing[name] for name in ("boi_token_index", "eoi_token_index", "image_token_index")]
    assert len(set(ids)) == 3
    assert max(ids) < seeing["text_config"]["vocab_size"]


def test_as_a_member_of_a_request() -> None:
    config = published("qwen3-4b")
    request = _parsed(json.dumps({"config": config, "tiny": True}).encode())
    answer = _answer(_message(request))
    assert answer["recipe"] == derivation_of(config, tiny=True).recipe
    assert answer["recipe"]["config"]["num_hidden_layers"] == 2


@pytest.mark.parametrize(
    ("request_", "detail"),
    [
        ({"config": FAMILIES["llama"], "tiny": "yes"}, "/tiny: tiny must be true or false"),
        ({"config": {"_class_name": "AutoencoderKL"}, "tiny": True}, "/tiny: tiny shrinks a model of"),
        ({"config": FAMILIES["llama"], "tinny": True}, "did you mean tiny"),
    ],
)
def test_what_is_no_switch(request_: dict[str, Any], detail: str) -> None:
    with pytest.raises(ConfigError, match=detail):
        _message(_parsed(json.dumps(request_).encode()))


@pytest.mark.parametrize("method", ["gptq", "awq", "int4", "fp8", "int8"])
def test_groups_of_a_quantised_config_fit(method: str) -> None:
    config = published("llama-3-8b") | {"quantization_config": written_format(method, ["lm_head"])}
    recipe = derivation_of(config, tiny=True).recipe
    found = read_format(recipe["config"]["quantization_config"]).quantization
    grouped = {"method": method, "group_size": 32}  # of 224 inputs
    assert found == (grouped if method in ("gptq", "awq", "int4") else method)
    assert any(entry.get("quantization") == found for entry in recipe["weights"]["layers"])
    assert derivation_of(recipe["config"]).recipe["weights"] == recipe["weights"]


@pytest.mark.parametrize("method", ["nvfp4", "mxfp8"])
@pytest.mark.parametrize("name", ["llama-3-8b", "qwen3-30b-a3b", "deepseek-v3"])
def test_widths_are_multiples_of_groups_of_one_size(name: str, method: str) -> None:
    """768 of 2,048, the inputs of an expert, become 24 of 64 without a quantisation."""
    config = published(name)
    experts = ["re:.*mlp.gate$", "re:.*kv_a_proj_with_mqa$"]
    quantised = {"quantization_config": written_format(method, ["lm_head", *experts])}
    recipe = derivation_of({**config, **quantised}, tiny=True).recipe
    small = recipe["config"]
    assert small["quantization_config"] == quantised["quantization_config"]
    assert small["hidden_size"] == 64
    if name == "qwen3-30b-a3b":
        assert small["moe_intermediate_size"] == 32
    assert parameters(small) <= MAX_PARAMETERS
    found = [entry for entry in recipe["weights"]["layers"] if entry.get("quantization") == method]
    assert any("down_proj" in entry["name"] for entry in found)
    assert derivation_of(small).recipe["weights"] == recipe["weights"]


def test_groups_that_fit_at_no_size_have_their_reason() -> None:
    config = published("llama-3-8b") | {"quantization_config": written_format("mxfp4", [])}
    with pytest.raises(ConfigError, match="no weight of this model is quantised by mxfp4"):
        derivation_of(config, tiny=True)


def test_a_config_that_builds_no_model_has_its_reason() -> None:
    with pytest.raises(ConfigError) as caught:
        derivation_of({**FAMILIES["llama"], "hidden_size": "wide"}, tiny=True)
    assert caught.value.faults[0].pointer == "/hidden_size"
