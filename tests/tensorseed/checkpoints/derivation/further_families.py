"""Small configs of further families, of which the tests draw seeds."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

_TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_DECODER = {
    **_TOKENS,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
}
_STATE_SPACE = {**_TOKENS, "hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 100, "state_size": 8}
_LINEAR_ATTENTION = {
    **_DECODER,
    "head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "layer_types": ["linear_attention", "full_attention"],
}


def _config(kind: str, architecture: str, *parts: Config, **fields: Any) -> Config:
    config: Config = {"model_type": kind, "architectures": [architecture]}
    for part in (*parts, fields):
        config |= part
    return config


_CONFIGS = (
    _config("mamba", "MambaForCausalLM", _STATE_SPACE),
    _config("mamba2", "Mamba2ForCausalLM", _STATE_SPACE, num_heads=8, head_dim=8, n_groups=2),
    _config("falcon_mamba", "FalconMambaForCausalLM", _STATE_SPACE),
    _config(
        "nemotron_h",
        "NemotronHForCausalLM",
        _DECODER,
        hybrid_override_pattern="M*-",
        num_hidden_layers=3,
        mamba_num_heads=8,
        mamba_head_dim=8,
        ssm_state_size=8,
        n_groups=2,
        head_dim=8,
    ),
    _config(
        "qwen3_next",
        "Qwen3NextForCausalLM",
        _LINEAR_ATTENTION,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=16,
    ),
    _config("qwen3_5_text", "Qwen3_5ForCausalLM", _LINEAR_ATTENTION),
    _config(
        "kimi_linear",
        "KimiLinearForCausalLM",
        _DECODER,
        num_local_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
        kv_lora_rank=8,
        qk_rope_head_dim=4,
        qk_nope_head_dim=8,
        v_head_dim=8,
        linear_head_dim=8,
        linear_num_heads=4,
    ),
    _config("recurrent_gemma", "RecurrentGemmaForCausalLM", _DECODER, num_hidden_layers=3, lru_width=32),
)

FURTHER: dict[str, Config] = {config["model_type"]: config for config in _CONFIGS}
