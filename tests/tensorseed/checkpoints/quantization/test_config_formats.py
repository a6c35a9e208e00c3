"""quantization_config, written and read back, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.checkpoints.quantization import ConfigFormatError, read_format, written_format
from tensorseed.spec.quantizations import METHODS

COMPRESSED = written_format("int8", ["lm_head"])


@pytest.mark.parametrize(
    "value",
    [
        *METHODS,
        {"method": "fp8", "block_size": [64, 32]},
        {"method": "gptq", "group_size": 64},
        {"method": "awq", "group_size": 32},
    ],
    ids=str,
)
def test_what_is_written_is_read_back(value: Any) -> None:
    found = read_format(written_format(value, ["model.layers.0.mlp.gate", "lm_head"]))
    assert found.quantization == value
    assert found.ignores("lm_head") == (found.method != "gptq")
    assert not found.ignores("model.layers.0.mlp.up_proj")


@pytest.mark.parametrize(
    ("pattern", "module", "ignored"),
    [
        ("lm_head", "lm_head", True),
        ("lm_head", "lm_head_2", False),
        ("gate", "model.layers.3.mlp.gate", True),
        ("gate", "model.layers.3.mlp.gate_proj", False),
        ("model.layers.*.self_attn", "model.layers.11.self_attn.q_proj", True),
        ("model.layers.1", "model.layers.11.mlp.up_proj", False),
        ("re:.*lm_head", "model.lm_head", True),
        ("re:.*mlp.gate$", "model.layers.3.mlp.gate", True),
        ("re:.*mlp.gate$", "model.layers.3.mlp.gate_proj", False),
        ("re:vision", "model.vision.q_proj", False),
    ],
)
def test_patterns_of_modules(pattern: str, module: str, ignored: bool) -> None:
    assert read_format({**COMPRESSED, "ignore": [pattern]}).ignores(module) is ignored


def weights(**changes: Any) -> dict[str, Any]:
    """A quantization_config of compressed-tensors with other weights."""
    group = COMPRESSED["config_groups"]["group_0"]
    return {**COMPRESSED, "config_groups": {"a": {**group, "weights": {**group["weights"], **changes}}}}


@pytest.mark.parametrize(
    ("document", "member", "detail"),
    [
        ("fp8", "", "must be an object"),
        ({}, "quant_method", "one of fp8, compressed-tensors, mxfp4, gptq, awq"),
        ({"quant_method": "bitsandbytes"}, "quant_method", "or leave quantization_config out"),
        ({"quant_method": ["fp8"]}, "quant_method", "one of"),
        ({"quant_method": "fp8", "weight_block_size": None}, "weight_block_size", "two sizes"),
        ({"quant_method": "fp8", "weight_block_size": [128, 1 << 20]}, "weight_block_size", "two sizes"),
        ({"quant_method": "fp8", "scale_fmt": "ue8m0"}, "scale_fmt", "must be float"),
        ({"quant_method": "fp8", "modules_to_not_convert": "lm_head"}, "modules_to_not_convert", "a list"),
        ({"quant_method": "gptq", "bits": 8}, "bits", "must be 4"),
        ({"quant_method": "gptq", "bits": 4, "group_size": -1}, "group_size", "multiple of 8"),
        ({"quant_method": "gptq", "bits": 4, "sym": False}, "sym", "must be True"),
        ({"quant_method": "awq", "bits": 4, "version": "gemv"}, "version", "must be gemm"),
        (weights(num_bits=4), "config_groups", "8 bits"),
        (weights(strategy="group"), "config_groups", "by channel or by tensor"),
        ({**COMPRESSED, "config_groups": {}}, "config_groups", "one group"),
        ({**COMPRESSED, "ignore": ["re:(a+)+b"]}, "ignore", "write names"),
    ],
)
def test_what_is_not_supported_is_said(document: Any, member: str, detail: str) -> None:
    with pytest.raises(ConfigFormatError, match=detail) as caught:
        read_format(document)
    assert caught.value.member == member


def test_static_activations_are_refused() -> None:
    group = COMPRESSED["config_groups"]["group_0"]
    still = {**group, "input_activations": {**group["input_activations"], "dynamic": False}}
    with pytest.raises(ConfigFormatError, match="must be dynamic"):
        read_format({**COMPRESSED, "config_groups": {"a": still}})
