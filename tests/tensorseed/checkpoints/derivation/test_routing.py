"""Shares of tokens by expert, of default routers and of balanced ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tensorseed.checkpoints.derivation import derive
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec

BALANCED = {"**.gate.weight": "orthogonal", "**.embed_tokens.weight": "normal"}  # as docs/recipes.md has it
EXPERTS = 8

_SIZES = {
    "hidden_size": 128,
    "intermediate_size": 64,
    "moe_intermediate_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "vocab_size": 1_000,
    "num_experts_per_tok": 2,
}
FAMILIES = {
    "mixtral": {"architectures": ["MixtralForCausalLM"], "num_local_experts": EXPERTS},
    "qwen3_moe": {"architectures": ["Qwen3MoeForCausalLM"], "num_experts": EXPERTS},
    "deepseek_v3": {  # sigmoid scores with a correction, and experts in groups
        "architectures": ["DeepseekV3ForCausalLM"],
        "n_routed_experts": EXPERTS,
        "n_group": 2,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        "kv_lora_rank": 32,
        "q_lora_rank": 32,
        "head_dim": 16,
        "qk_rope_head_dim": 16,
        "qk_nope_head_dim": 16,
        "v_head_dim": 32,
    },
}


def shares(config: dict[str, Any], overrides: dict[str, Any], folder: Path) -> list[torch.Tensor]:
    """The tokens of each expert over their mean, by layer, for random tokens."""
    weights = derive(config, overrides=overrides)["weights"]
    file = open_file(parse_spec(json.dumps({**weights, "seed": 3}).encode(), Limits()))
    (folder / "model.safetensors").write_bytes(file.read(0, file.size).tobytes())
    (folder / "config.json").write_text(json.dumps(config))
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    chosen: list[torch.Tensor] = []

    def note(module: Any, given: Any, output: Any) -> None:
        found = [part for part in output if part.dtype == torch.int64] if isinstance(output, tuple) else []
        owner = owners[module]
        chosen.append(found[0] if found else owner.route_tokens_to_experts(output)[0])

    owners = {
        module: model.get_submodule(name.rpartition(".")[0])
        for name, module in model.named_modules()
        if name.endswith("mlp.gate")
    }
    for module in owners:
        module.register_forward_hook(note)
    with torch.no_grad():
        model(input_ids=torch.randint(3, 1_000, (4, 256), generator=torch.Generator().manual_seed(0)))
    assert len(chosen) >= 3
    counts = [torch.bincount(indices.flatten(), minlength=EXPERTS).double() for indices in chosen]
    return [count / count.mean() for count in counts]


@pytest.mark.parametrize("family", FAMILIES)
def test_orthogonal_routers_over_wide_embeddings_are_balanced(family: str, tmp_path: Path) -> None:
    """Of 256 tokens an expert, chance alone moves a share by a twentieth."""
    config = _SIZES | {"model_type": family, **FAMILIES[family]}
    by_default, balanced = shares(config, {}, tmp_path), shares(config, BALANCED, tmp_path)
    assert all(0.7 < share.min() <= share.max() < 1.35 for share in balanced), balanced
    deviations = [max(float(share.std()) for share in found) for found in (by_default, balanced)]
    assert deviations[0] > 1.5 * deviations[1]
