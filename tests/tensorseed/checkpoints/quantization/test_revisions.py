"""Quantised revisions: names, commits, files, and the tensors of each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import tensorseed
from tensorseed.checkpoints.errors import UnknownRevisionError
from tensorseed.checkpoints.library import shipped
from tensorseed.checkpoints.quantization import NothingQuantisedError
from tensorseed.checkpoints.recipe import quantised_recipe, read_recipe
from tensorseed.checkpoints.repo_files import WeightsFile
from tensorseed.checkpoints.revision import DTYPE_NAMES, Revision, Variant, parse_revision
from tensorseed.sampling.distributions import Quantized
from tensorseed.spec.quantizations import METHODS
from tests.tensorseed.checkpoints.recipes import document, repository, tensor


@pytest.mark.parametrize(
    ("text", "revision"),
    [
        ("quantization=fp8", Revision(0, None, "fp8")),
        ("seed-42,quantization=mxfp4", Revision(42, None, "mxfp4")),
        ("seed=42,dtype=bf16,quantization=awq", Revision(42, "bfloat16", "awq")),
        ("refs/heads/dtype=float16,quantization=int8", Revision(0, "float16", "int8")),
    ],
)
def test_what_a_name_says(text: str, revision: Revision) -> None:
    assert parse_revision(text) == revision
    assert parse_revision(revision.name) == revision


@pytest.mark.parametrize(
    "text",
    [
        "quantization=",
        "quantization=fp8,seed-1",
        "seed-1quantization=fp8",
        "seed-1,,quantization=fp8",
        ",quantization=fp8",
        "main,quantization=fp8",
        "seed-1,quantization=fp8,",
        "seed-1\n,quantization=fp8",
    ],
)
def test_other_texts_are_no_revision(text: str) -> None:
    assert parse_revision(text) is None


def test_a_byte_says_each_variant_and_those_of_before_stay() -> None:
    variants = [Variant(dtype, method) for dtype in (None, *DTYPE_NAMES) for method in (None, *METHODS)]
    assert [Variant.of_code(variant.code) for variant in variants] == variants
    assert len({variant.code for variant in variants}) == len(variants)
    assert [Variant(dtype).code for dtype in (None, *DTYPE_NAMES)] == list(range(7))
    assert Variant.of_code(7) is None
    assert Variant.of_code(255) is None


def test_a_commit_is_read_back_and_no_weight_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quantized, "fill", None)
    made = repository()
    snapshot = made.snapshot("seed-5,quantization=fp8")
    assert snapshot.commit.startswith("10")
    again = repository().snapshot(snapshot.commit)
    assert again.revision == snapshot.revision == Revision(5, None, "fp8")
    assert again.files == snapshot.files
    both = made.snapshot("dtype=float16,quantization=fp8")
    assert both.commit.startswith("13")
    assert len({made.snapshot(name).commit for name in ("main", "dtype=float16")} | {both.commit}) == 3
    assert made.cached_snapshot("dtype=float16,quantization=fp8") is both
    assert made.has_layout(both.commit)
    (weights,) = [file for file in snapshot.files if isinstance(file, WeightsFile)]
    assert weights.weights.size == weights.size


def test_files_of_a_quantised_revision() -> None:
    snapshot = repository().snapshot("quantization=fp8")
    config = json.loads(snapshot.file("config.json").text or b"")
    assert config["quantization_config"] == {
        "quant_method": "fp8",
        "fmt": "e4m3",
        "activation_scheme": "dynamic",
        "weight_block_size": [128, 128],
        "modules_to_not_convert": ["embed", "lm_head"],
    }
    assert config["dtype"] == "bfloat16"
    assert snapshot.parameters["F8_E4M3"] == 4 * (16 * 16 + 2 * (32 * 16 + 16 * 32))
    sharded = repository(shard_bytes=2_000).snapshot("quantization=int8")
    index = json.loads(sharded.file("model.safetensors.index.json").text or b"")
    names = [*index["weight_map"]]
    assert "layers.3.experts.1.up.weight_scale" in names
    files = [file for file in sharded.files if isinstance(file, WeightsFile)]
    held = [entry.tensor.name for file in files for entry in file.weights.entries()]
    assert sorted(held) == sorted(names)


@pytest.mark.parametrize(
    ("changes", "revision", "detail"),
    [
        ({}, "quantization=mxfp4", "none of its tensors"),
        ({}, "quantization=awq", "groups of 16"),
        ({}, "dtype=float64,quantization=fp8", "a tensor of float64 is not quantised"),
        ({}, "quantization=fp9", "the methods are fp8, fp8_channel"),
        (
            {"weights": {"layers": [tensor("h.0.a.weight", [8, 8], quantization="fp8")]}},
            "quantization=int8",
            "quantised already",
        ),
    ],
)
def test_a_revision_that_does_not_exist_is_unknown(changes: Any, revision: str, detail: str) -> None:
    with pytest.raises(UnknownRevisionError, match=detail):
        repository(**changes).snapshot(revision)


def test_every_shipped_language_model_is_quantised_but_for_embeddings_heads_and_routers() -> None:
    weights = tensorseed.open("tensorseed/tiny-deepseek-v3@seed-3,quantization=fp8")
    floats = tensorseed.open("tensorseed/tiny-deepseek-v3@seed-3")
    left = {name for name in floats if floats[name].ndim == 2 and f"{name}_scale_inv" not in weights}
    assert left == {"lm_head.weight", "model.embed_tokens.weight", "model.layers.1.mlp.gate.weight"}
    name = "model.layers.1.mlp.experts.3.up_proj.weight"
    number = weights[name].torch().float() * weights[f"{name}_scale_inv"].torch()
    whole = floats[name].torch().float()
    assert float((number - whole).abs().max()) <= float(whole.abs().max()) / 16


def test_the_largest_recipe_stays_short() -> None:
    text = (shipped() / "deepseek-v3.json").read_bytes()
    plain = read_recipe(text, "deepseek-v3.json")
    quantised = quantised_recipe(plain, "fp8")
    assert plain.weights is not None
    assert quantised.weights is not None
    assert len(quantised.weights.layers) == len(plain.weights.layers)
    assert len(quantised.weights.spec()) < len(plain.weights.spec()) + 1_000
    layers = quantised.weights.layers
    *_, one = [entry for entry in layers if entry["name"].endswith("kv_a_proj_with_mqa.weight")]
    weights = tensorseed.open({"dtype": "bfloat16", "layers": [one]})
    name = "model.layers.60.self_attn.kv_a_proj_with_mqa.weight"
    assert weights[f"{name}_scale_inv"].shape == (5, 56)
    assert np.asarray(weights[name].bits[575, 7167]).shape == ()


def test_a_repository_of_several_models_is_not_quantised() -> None:
    part = {"config": {"model_type": "llama"}, "weights": {"layers": [tensor("h.0.a.weight", [8, 8])]}}
    plain = document()
    text = json.dumps({"id": plain["id"], "components": {"a": part}})
    with pytest.raises(NothingQuantisedError, match="one model"):
        quantised_recipe(read_recipe(text.encode(), "parts"), "fp8")
