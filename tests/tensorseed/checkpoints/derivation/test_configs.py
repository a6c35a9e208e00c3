"""Refusals of configs before a model is built."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.checkpoints.derivation.configs import MAX_COUNT, check_config, dtype_of, without_ignored
from tensorseed.checkpoints.derivation.errors import ConfigError


def faults(config: Any) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        check_config(config)
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


def test_a_usual_config() -> None:
    check_config(
        {
            "model_type": "x",
            "architectures": None,
            "num_hidden_layers": 80,
            "vocab_size": 250_000,
            "block_size": 1 << 20,
            "layer_norm_eps": 1e-5,
            "use_cache": True,
            "quantization_config": None,
            "rope_scaling": {"original_max_position_embeddings": 8192},
            "layer_types": ["full_attention"] * 80,
        }
    )


@pytest.mark.parametrize("config", [[], "llama", 3, None])
def test_a_config_is_an_object(config: Any) -> None:
    assert faults(config) == [("", "a config is one JSON object, the content of a config.json")]


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"model_type": None}, "/model_type", "model_type is required"),
        ({"architectures": "A"}, "/architectures", "a list of class names"),
        ({"architectures": []}, "/architectures", "a list of class names"),
        ({"architectures": [1]}, "/architectures", "a list of class names"),
        ({"quantization_config": {"bits": 4}}, "/quantization_config/quant_method", "one of fp8"),
        ({"target_lang": "fra", "_name_or_path": "/srv"}, "/target_lang", "not loaded here"),
        ({"backbone": "resnet50"}, "/backbone", "give backbone_config"),
        ({"num_hidden_layers": MAX_COUNT + 1}, "/num_hidden_layers", "at most 4,096"),
        ({"n_layer": 10**9}, "/n_layer", "at most 4,096"),
        ({"depths": [2, 10**6]}, "/depths/1", "at most 4,096"),
        ({"text_config": {"n_routed_experts": 10**6}}, "/text_config/n_routed_experts", "at most 4,096"),
        ({"num_labels": 10**7}, "/num_labels", "at most 1,000,000"),
        ({"vocab_size": 1 << 40}, "/vocab_size", "at most 2,147,483,647"),
        ({"vocab_size": -(1 << 40)}, "/vocab_size", "at most 2,147,483,647"),
    ],
)
def test_refusals(fields: dict[str, Any], pointer: str, detail: str) -> None:
    ((found, told),) = faults({"model_type": "x", **fields})
    assert found == pointer
    assert detail in told


def test_all_faults_are_told_at_once() -> None:
    assert len(faults({"target_lang": "fra", "n_layer": 10**9})) == 3


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({}, "float32"),
        ({"torch_dtype": "float16"}, "float16"),
        ({"dtype": None, "torch_dtype": "torch.bfloat16"}, "bfloat16"),
        ({"dtype": "float64", "torch_dtype": "float16"}, "float64"),
    ],
)
def test_the_dtype(config: dict[str, Any], name: str) -> None:
    assert dtype_of(config) == name


@pytest.mark.parametrize("config", [{"dtype": "int8"}, {"torch_dtype": 3}, {"dtype": ["float32"]}])
def test_no_dtype(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="dtype must be one of float64, float32, float16, bfloat16"):
        dtype_of(config)


def test_what_is_left_out_with_a_warning() -> None:
    given = {
        "model_type": "x",
        "auto_map": {"AutoModel": "a.B"},
        "torch_dtype": "auto",
        "text_config": {"dtype": "auto", "auto_map": None, "sizes": [1, {"auto_map": "x"}]},
    }
    kept, warnings = without_ignored(given)
    assert kept == {"model_type": "x", "text_config": {"auto_map": None, "sizes": [1, {}]}}
    assert [(warning.pointer, warning.code) for warning in warnings] == [
        ("/auto_map", "auto_map"),
        ("/torch_dtype", "auto_dtype"),
        ("/text_config/dtype", "auto_dtype"),
        ("/text_config/sizes/1/auto_map", "auto_map"),
    ]
    assert all("left out" in warning.detail for warning in warnings)
