"""Shards against huggingface_hub's split, and transformers' files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import split_state_dict_into_shards_factory
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.checkpoints.layout import INDEX, index_text, pretty, shard_paths, split
from tensorseed.checkpoints.repo_files import WeightsFile
from tests.tensorseed.checkpoints.recipes import KILO, repository, tensor

LIMIT = 20 * KILO
WORDS = 96
WIDTH = 32


@given(st.lists(st.integers(0, 12), max_size=40), st.integers(1, 10))
def test_the_split_is_that_of_the_library(sizes: list[int], most: int) -> None:
    named = {f"t{number}": size for number, size in enumerate(sizes)}
    found = split_state_dict_into_shards_factory(
        named,
        get_storage_size=lambda size: size,
        filename_pattern="model{suffix}.safetensors",
        max_shard_size=most,
    )
    parts = split(named.items(), most)
    if not sizes:
        assert parts == [[]]
        return
    assert dict(zip(shard_paths(len(parts)), parts, strict=True)) == found.filename_to_tensors


def test_paths() -> None:
    assert shard_paths(1) == ["model.safetensors"]
    assert shard_paths(2) == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


def test_the_index() -> None:
    text = index_text({"b.safetensors": ["x"], "a.safetensors": ["y", "w"]}, 3, 12)
    assert json.loads(text) == {
        "metadata": {"total_parameters": 3, "total_size": 12},
        "weight_map": {"x": "b.safetensors", "y": "a.safetensors", "w": "a.safetensors"},
    }


def test_json_is_written_as_transformers_writes_it() -> None:
    assert (
        pretty({"b": [1, 1e-5], "a": "é"}) == b'{\n  "a": "\\u00e9",\n  "b": [\n    1,\n    1e-05\n  ]\n}\n'
    )


def llama() -> tuple[Any, list[dict[str, Any]]]:
    from transformers import LlamaConfig

    config = LlamaConfig(**SIZES)
    block = "model.layers.{0..1}."
    return config, [
        tensor("model.embed_tokens.weight", [WORDS, WIDTH]),
        tensor(f"{block}self_attn.q_proj.weight", [WIDTH, WIDTH]),
        tensor(f"{block}self_attn.k_proj.weight", [WIDTH // 2, WIDTH]),
        tensor(f"{block}self_attn.v_proj.weight", [WIDTH // 2, WIDTH]),
        tensor(f"{block}self_attn.o_proj.weight", [WIDTH, WIDTH]),
        tensor(f"{block}mlp.gate_proj.weight", [48, WIDTH]),
        tensor(f"{block}mlp.up_proj.weight", [48, WIDTH]),
        tensor(f"{block}mlp.down_proj.weight", [WIDTH, 48]),
        tensor(f"{block}input_layernorm.weight", [WIDTH], "ones"),
        tensor(f"{block}post_attention_layernorm.weight", [WIDTH], "ones"),
        tensor("model.norm.weight", [WIDTH], "ones"),
        tensor("lm_head.weight", [WORDS, WIDTH]),
    ]


def gpt2() -> tuple[Any, list[dict[str, Any]]]:
    from transformers import GPT2Config

    config = GPT2Config(
        vocab_size=WORDS,
        n_embd=WIDTH,
        n_layer=2,
        n_head=2,
        n_positions=32,
        bos_token_id=0,
        eos_token_id=0,
    )
    block = "transformer.h.{0..1}."
    entries = [
        tensor("transformer.wte.weight", [WORDS, WIDTH]),
        tensor("transformer.wpe.weight", [32, WIDTH]),
    ]
    shapes = {
        "ln_1": [WIDTH],
        "attn.c_attn": [WIDTH, 3 * WIDTH],
        "attn.c_proj": [WIDTH, WIDTH],
        "ln_2": [WIDTH],
        "mlp.c_fc": [WIDTH, 4 * WIDTH],
        "mlp.c_proj": [4 * WIDTH, WIDTH],
    }
    for part, shape in shapes.items():
        entries.append(tensor(f"{block}{part}.weight", shape))
        entries.append(tensor(f"{block}{part}.bias", shape[-1:], "zeros"))
    norm = {"name": "transformer.ln_f", "type": "LayerNorm", "normalized_shape": WIDTH}
    return config, [*entries, norm]


def mixtral() -> tuple[Any, list[dict[str, Any]]]:
    """The saved order has one matrix of all experts before the next: the range of every other one is cut."""
    from transformers import MixtralConfig

    config = MixtralConfig(**SIZES, num_local_experts=3)
    block = "model.layers.{0..1}."
    experts = f"{block}block_sparse_moe.experts."
    return config, [
        tensor("lm_head.weight", [WORDS, WIDTH]),
        tensor("model.embed_tokens.weight", [WORDS, WIDTH]),
        tensor(f"{block}input_layernorm.weight", [WIDTH], "ones"),
        tensor(f"{experts}{{0..2}}.w2.weight", [WIDTH, 48]),
        tensor(f"{experts}{{0..1}}.w1.weight", [48, WIDTH]),
        tensor(f"{experts}2.w1.weight", [48, WIDTH]),
        tensor(f"{experts}{{0..2}}.w3.weight", [48, WIDTH]),
        tensor(f"{block}block_sparse_moe.gate.weight", [3, WIDTH]),
        tensor(f"{block}post_attention_layernorm.weight", [WIDTH], "ones"),
        tensor(f"{block}self_attn.k_proj.weight", [WIDTH // 2, WIDTH]),
        tensor(f"{block}self_attn.o_proj.weight", [WIDTH, WIDTH]),
        tensor(f"{block}self_attn.q_proj.weight", [WIDTH, WIDTH]),
        tensor(f"{block}self_attn.v_proj.weight", [WIDTH // 2, WIDTH]),
        tensor("model.norm.weight", [WIDTH], "ones"),
    ]


SIZES = {
    "vocab_size": WORDS,
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def header(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    return dict(json.loads(data[8 : 8 + length]))


@pytest.mark.parametrize("model", [llama, gpt2, mixtral])
@pytest.mark.parametrize("most", [LIMIT, 10_000 * KILO])
def test_the_files_are_those_that_transformers_saves(
    model: Any, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Experts that transformers cuts from one matrix it also counts as one, whatever the limit; not here."""
    from transformers import AutoModelForCausalLM, modeling_utils

    reverted = modeling_utils.revert_weight_conversion
    monkeypatch.setattr(
        modeling_utils,
        "revert_weight_conversion",
        lambda *args: {name: tensor.clone() for name, tensor in reverted(*args).items()},
    )
    config, entries = model()
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path, max_shard_size=most)
    saved = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    saved.pop("generation_config.json")
    snapshot = repository(
        config=json.loads(saved["config.json"]), files={}, weights={"layers": entries}, shard_bytes=most
    ).snapshot("main")
    assert {file.path for file in snapshot.files} == {*saved, "README.md", "generation_config.json"}
    assert (INDEX in saved) == (most == LIMIT)
    for path, data in saved.items():
        file = snapshot.file(path)
        if not isinstance(file, WeightsFile):
            assert file.text == data
            continue
        own = header(file.weights.read(0, file.size).tobytes())
        theirs = header(data)
        assert own.pop("__metadata__")["format"] == theirs.pop("__metadata__")["format"] == "pt"
        assert list(own.items()) == list(theirs.items())
