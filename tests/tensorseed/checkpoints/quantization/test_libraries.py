"""Quantised repositories under transformers and compressed-tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from compressed_tensors.utils import is_match
from safetensors.torch import load_file

import tensorseed
from tensorseed.checkpoints.derivation import derive
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.library import Library, shipped
from tensorseed.checkpoints.quantization import read_format, written_format
from tensorseed.checkpoints.recipe import Recipe, read_recipe
from tensorseed.checkpoints.repository import Repository, RepositoryCaches
from tensorseed.spec.limits import Limits
from tests.tensorseed.checkpoints.shipped.conftest import SHARD_BYTES, write

GPT_OSS: dict[str, Any] = {
    "model_type": "gpt_oss",
    "architectures": ["GptOssForCausalLM"],
    "dtype": "bfloat16",
    "hidden_size": 64,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "vocab_size": 64,
    "pad_token_id": 0,
    "num_local_experts": 2,
    "num_experts_per_tok": 1,
    "layer_types": ["full_attention"],
}
LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "dtype": "bfloat16",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 64,
}


SHIPPED = Library([shipped()], Limits(), SHARD_BYTES)


def loaded(repository: Repository, revision: str, folder: Path, **options: Any) -> dict[str, torch.Tensor]:
    """The tensors that transformers makes of a revision, of which none is missing or left over."""
    folder.mkdir()
    write(repository.snapshot(revision), folder)
    config = json.loads((folder / "config.json").read_text())
    cls = getattr(transformers, config["architectures"][0])
    model, info = cls.from_pretrained(folder, output_loading_info=True, **options)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return dict(model.state_dict())


def check_near(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], share: float) -> None:
    """Check that tensors differ by no more than a share of the largest number of each."""
    assert found.keys() == expected.keys()
    for name, whole in expected.items():
        error = (found[name].float() - whole.float()).abs().max()
        assert error <= share * whole.float().abs().max(), name


@pytest.mark.parametrize("name", ["tiny-llama", "tiny-deepseek-v3", "tiny-whisper"])
def test_transformers_dequantises_float8_blocks_to_the_float_model(name: str, tmp_path: Path) -> None:
    repository = SHIPPED.repository(f"tensorseed/{name}")
    found = loaded(repository, "seed-4,quantization=fp8", tmp_path / "fp8", dtype=torch.float32)
    check_near(found, loaded(repository, "seed-4", tmp_path / "plain"), 1 / 24)


@pytest.mark.filterwarnings("ignore:You passed `quantization_config`")
@pytest.mark.parametrize(
    ("method", "share"), [("fp8_channel", 1 / 24), ("fp8_tensor", 1 / 16), ("int8", 1 / 100)]
)
def test_compressed_tensors_reads_and_dequantises(method: str, share: float, tmp_path: Path) -> None:
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import quantize

    repository = SHIPPED.repository("tensorseed/tiny-llama")
    options = {"quantization_config": transformers.CompressedTensorsConfig(dequantize=True)}
    found = loaded(repository, f"seed-4,quantization={method}", tmp_path / "packed", **options)
    check_near(found, loaded(repository, "seed-4", tmp_path / "plain"), share)
    name = "model.layers.1.mlp.up_proj.weight"
    weights = tensorseed.open(f"tensorseed/tiny-llama@seed-4,quantization={method}")
    floats = tensorseed.open("tensorseed/tiny-llama@seed-4")[name].torch().float()
    stored, scale = weights[name].torch(), weights[f"{name}_scale"].torch().float()
    config = json.loads((tmp_path / "packed" / "config.json").read_text())["quantization_config"]
    arguments = QuantizationArgs(**config["config_groups"]["group_0"]["weights"])
    own = quantize(floats, scale, None, arguments, dtype=stored.dtype)
    assert torch.equal(own.view(torch.uint8), stored.view(torch.uint8))


@pytest.mark.filterwarnings("ignore:You passed `quantization_config`")
@pytest.mark.parametrize(
    ("method", "share"),
    [("int4", 1 / 12), ("int8_packed", 1 / 100), ("fp8_block", 1 / 24), ("mxfp8", 1 / 16), ("nvfp4", 1 / 4)],
)
def test_compressed_tensors_unpacks(method: str, share: float, tmp_path: Path) -> None:
    repository = SHIPPED.repository("tensorseed/tiny-llama")
    options = {"quantization_config": transformers.CompressedTensorsConfig(dequantize=True)}
    found = loaded(repository, f"seed-4,quantization={method}", tmp_path / "packed", **options)
    check_near(found, loaded(repository, "seed-4", tmp_path / "plain"), share)


@pytest.mark.filterwarnings("ignore:You passed `quantization_config`")
@pytest.mark.parametrize(
    ("value", "share"),
    [
        ({"method": "int4", "group_size": 32, "symmetric": False}, 1 / 10),
        ({"method": "int8_packed", "group_size": "channel"}, 1 / 100),
        ({"method": "int4", "group_size": "channel"}, 1 / 12),
        ({"method": "int4", "group_size": "channel", "symmetric": False}, 1 / 10),
    ],
    ids=str,
)
def test_compressed_tensors_unpacks_what_a_config_says(value: Any, share: float, tmp_path: Path) -> None:
    _, quantised = derived({**LLAMA, "quantization_config": written_format(value, ["lm_head"])})
    options = {"quantization_config": transformers.CompressedTensorsConfig(dequantize=True)}
    found = loaded(quantised, "seed-4", tmp_path / "packed", **options)
    check_near(found, loaded(derived(LLAMA)[1], "seed-4", tmp_path / "plain"), share)


def test_scales_of_a_published_config_that_are_powers_of_two(tmp_path: Path) -> None:
    """As DeepSeek-V3.1's published config has them."""
    published = {
        "activation_scheme": "dynamic",
        "fmt": "e4m3",
        "quant_method": "fp8",
        "scale_fmt": "ue8m0",
        "weight_block_size": [128, 128],
    }
    _, quantised = derived({**LLAMA, "quantization_config": published})
    found = loaded(quantised, "seed-4", tmp_path / "fp8", dtype=torch.float32)
    check_near(found, loaded(derived(LLAMA)[1], "seed-4", tmp_path / "plain"), 1 / 16)
    scales = tensorseed.open(quantised.resolved("seed-4").recipe)
    name = "model.layers.0.mlp.up_proj.weight_scale_inv"
    assert bool((scales[name].torch().view(torch.int32) & 0x7FFFFF == 0).all())


def float8(**changes: Any) -> dict[str, Any]:
    """A quantization_config with static activations, as compressed-tensors' preset FP8 writes it."""
    document = written_format("fp8_tensor", ["lm_head"])
    inputs = {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True, "dynamic": False}
    document["config_groups"]["group_0"]["input_activations"] = inputs | changes
    return document


def test_activations_with_scales_of_their_own_in_float8_of_transformers(tmp_path: Path) -> None:
    """As Ministral 3 is published: one scale for each weight, and one for its inputs."""
    published = {
        "quant_method": "fp8",
        "activation_scheme": "static",
        "weight_block_size": None,
        "modules_to_not_convert": ["lm_head"],
    }
    _, quantised = derived({**LLAMA, "quantization_config": published})
    found = loaded(quantised, "seed-4", tmp_path / "fp8", dtype=torch.float32)
    check_near(found, loaded(derived(LLAMA)[1], "seed-4", tmp_path / "plain"), 1 / 16)
    stored = load_file(tmp_path / "fp8" / "model.safetensors")
    scales = [tensor for name, tensor in stored.items() if name.endswith("activation_scale")]
    assert {(scale.dtype, scale.shape, float(scale)) for scale in scales} == {
        (torch.float32, torch.Size([]), 1 / 32)
    }
    assert len(scales) == 14


def test_activations_with_scales_of_their_own_in_compressed_tensors(tmp_path: Path) -> None:
    """As its preset FP8."""
    _, quantised = derived({**LLAMA, "quantization_config": float8()})
    found = loaded(quantised, "seed-4", tmp_path / "fp8")
    plain = loaded(derived(LLAMA)[1], "seed-4", tmp_path / "plain")
    names = [name for name in found if name.endswith("proj.weight")]
    weights = {name: found[name].float() * found[f"{name}_scale"].float() for name in names}
    check_near(weights, {name: plain[name] for name in names}, 1 / 16)
    scales = [tensor for name, tensor in found.items() if name.endswith("input_scale")]
    assert {(scale.dtype, *scale.shape, float(scale)) for scale in scales} == {(torch.bfloat16, 1, 1 / 32)}
    assert len(scales) == len(names) == 14


def test_a_quantised_cache_has_the_scales_of_compressed_tensors(tmp_path: Path) -> None:
    """Beside the projections of every attention."""
    scheme = {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True, "dynamic": False}
    published = {**float8(), "kv_cache_scheme": {**scheme, "group_size": None, "observer": "minmax"}}
    recipe, quantised = derived({**LLAMA, "quantization_config": published})
    found = loaded(quantised, "seed-4", tmp_path / "cache")
    scales = {name: one for name, one in found.items() if name.endswith(("k_scale", "v_scale"))}
    assert {*scales} == {f"model.layers.{layer}.self_attn.{one}_scale" for layer in (0, 1) for one in "kv"}
    assert {(one.dtype, *one.shape, float(one)) for one in scales.values()} == {(torch.bfloat16, 1, 1 / 32)}
    assert recipe.weights is not None
    kept = [entry for entry in recipe.weights.layers if not entry["name"].endswith(("k_scale", "v_scale"))]
    plain, _ = derived({**LLAMA, "quantization_config": float8()})
    assert plain.weights is not None
    assert kept == [*plain.weights.layers]


def test_a_cache_that_a_model_does_not_have_is_refused() -> None:
    from tensorseed.checkpoints.quantization import ConfigFormatError, quantised_tensors

    scheme = {"num_bits": 8, "type": "float"}
    body = {"type": "Tensor", "shape": [8, 8]}
    with pytest.raises(ConfigFormatError, match="no attention of this model has a cache"):
        quantised_tensors([("h.0.fc.weight", body)], {**COMPRESSED, "kv_cache_scheme": scheme}, "float32")


def test_a_format_in_capitals_is_served_as_transformers_reads_it() -> None:
    published = {"quant_method": "fp8", "weight_block_size": [64, 64], "scale_fmt": "UE8M0"}
    recipe, _ = derived({**LLAMA, "quantization_config": published})
    assert recipe.config is not None
    assert recipe.config["quantization_config"]["scale_fmt"] == "ue8m0"
    _, small = derived({**LLAMA, "quantization_config": {**published, "scale_fmt": "ue8m0"}})
    assert small.snapshot("main").commit == derived(recipe.config)[1].snapshot("main").commit


def derived(config: dict[str, Any]) -> tuple[Recipe, Repository]:
    """The recipe of a config, and its repository."""
    recipe = read_recipe(json.dumps(derive(config)).encode(), "derived")
    return recipe, Repository(recipe, Limits(), 1 << 30, RepositoryCaches.of(10_000))


def test_a_published_gpt_oss_is_derived_in_mxfp4_and_dequantised_by_transformers(tmp_path: Path) -> None:
    kept = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
    published = {"quant_method": "mxfp4", "modules_to_not_convert": kept}
    recipe, quantised = derived({**GPT_OSS, "quantization_config": published})
    _, plain = derived(GPT_OSS)
    found = loaded(quantised, "seed-4", tmp_path / "mxfp4", dtype=torch.bfloat16)
    check_near(found, loaded(plain, "seed-4", tmp_path / "plain"), 1 / 5)
    asked = plain.snapshot("seed-4,quantization=mxfp4")
    assert quantised.resolved("seed-4").recipe == plain.resolved("seed-4,quantization=mxfp4").recipe
    assert json.loads(asked.file("config.json").text or b"")["quantization_config"] == published
    names = [tensor.name for tensor in quantised.resolved("main").tensors]
    assert "model.layers.0.mlp.experts.gate_up_proj_blocks" in names
    assert recipe.config is not None
    assert recipe.config["quantization_config"] == published


def test_a_published_config_quantises_what_it_does_not_leave_out() -> None:
    document = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    left = ["lm_head", "model.layers.0.mlp.up_proj"]
    recipe, _ = derived({**LLAMA, "quantization_config": {**document, "modules_to_not_convert": left}})
    assert recipe.weights is not None
    ups = [entry for entry in recipe.weights.layers if "up_proj" in entry["name"]]
    assert [(entry["name"], "quantization" in entry) for entry in ups] == [
        ("model.layers.0.mlp.up_proj.weight", False),
        ("model.layers.1.mlp.up_proj.weight", True),
    ]
    downs = [entry for entry in recipe.weights.layers if "down_proj" in entry["name"]]
    assert all(entry["quantization"] == "fp8" for entry in downs)


@pytest.mark.parametrize(
    ("document", "pointer", "detail"),
    [
        ({"quant_method": "hqq"}, "/quantization_config/quant_method", "one of fp8"),
        ({"quant_method": "mxfp4"}, "/quantization_config", "no weight of this model"),
        ({"quant_method": "gptq", "bits": 4}, "/quantization_config", "multiple of 128"),
    ],
)
def test_a_quantization_that_a_model_cannot_have_is_refused(document: Any, pointer: str, detail: str) -> None:
    with pytest.raises(ConfigError) as caught:
        derive({**LLAMA, "quantization_config": document})
    (fault,) = caught.value.faults
    assert fault.pointer == pointer
    assert detail in fault.detail


COMPRESSED = written_format("int8", ["lm_head"])

LINEAR_MODULES = (
    "lm_head",
    "model.layers.3.mlp.gate",
    "model.layers.3.mlp.gate_proj",
    "model.layers.13.self_attn.k_proj",
    "model.vision.q_proj",
)


@pytest.mark.parametrize(
    "pattern",
    [
        "lm_head",
        "gate",
        "model.layers.3.mlp",
        "model.layers.3.mlp.gate",
        "model.layers.*.mlp.gate",
        "*",
        "Linear",
        "Module",
        "Embedding",
        "re:.*lm_head",
        "re:.*mlp.gate$",
        "re:vision",
        "re:.*mlp.gate",
        r"re:model\.layers\.\d\.",
        "re:.*(q|k)_proj$",
        "re:.*[^v]_proj$",
    ],
)
def test_ignored_modules_are_those_of_compressed_tensors(pattern: str) -> None:
    linear = torch.nn.Linear(1, 1)
    found = read_format({**COMPRESSED, "ignore": [pattern]})
    assert [found.ignores(module) for module in LINEAR_MODULES] == [
        not is_match(module, linear, ["Linear"], [pattern]) for module in LINEAR_MODULES
    ]
