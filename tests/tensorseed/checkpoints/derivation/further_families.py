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
    _config(
        "minimax",
        "MiniMaxForCausalLM",
        _DECODER,
        head_dim=8,
        num_local_experts=4,
        block_size=16,
        layer_types=["linear_attention", "full_attention"],
    ),
    _config(
        "rwkv",
        "RwkvForCausalLM",
        hidden_size=32,
        attention_hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        vocab_size=100,
    ),
    _config("recurrent_gemma", "RecurrentGemmaForCausalLM", _DECODER, num_hidden_layers=3, lru_width=32),
)

_BARK = {
    "hidden_size": 32,
    "num_heads": 4,
    "num_layers": 2,
    "block_size": 48,
    "input_vocab_size": 100,
    "output_vocab_size": 100,
}
_WAVES = {
    **_DECODER,
    "conv_dim": [16, 16],
    "conv_kernel": [10, 3],
    "conv_stride": [5, 2],
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
_CODEC = {
    "model_type": "encodec",
    "num_filters": 4,
    "hidden_size": 16,
    "codebook_size": 16,
    "codebook_dim": 16,
    "upsampling_ratios": [4, 2],
    "num_lstm_layers": 1,
    "target_bandwidths": [1.5],
}

_WEIGHT_NORM = (
    _config("wav2vec2", "Wav2Vec2ForCTC", _WAVES),
    _config("hubert", "HubertModel", _WAVES),
    _config("wavlm", "WavLMModel", _WAVES),
    _config("encodec", "EncodecModel", _CODEC),
    _config(
        "musicgen",
        "MusicgenForConditionalGeneration",
        text_encoder={
            "model_type": "t5",
            "d_model": 16,
            "d_kv": 4,
            "d_ff": 32,
            "num_layers": 1,
            "num_heads": 4,
            "vocab_size": 50,
        },
        audio_encoder=_CODEC,
        decoder={
            "model_type": "musicgen_decoder",
            "vocab_size": 16,
            "hidden_size": 16,
            "ffn_dim": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
            "num_codebooks": 2,
            "pad_token_id": 16,
            "bos_token_id": 16,
            "max_position_embeddings": 32,
        },
    ),
    _config(
        "vits",
        "VitsModel",
        vocab_size=38,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=32,
        flow_size=32,
        spectrogram_bins=9,
        posterior_encoder_num_wavenet_layers=2,
        prior_encoder_num_flows=2,
        prior_encoder_num_wavenet_layers=2,
        upsample_initial_channel=32,
        upsample_rates=[4, 2],
        upsample_kernel_sizes=[8, 4],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]],
        duration_predictor_flow_bins=4,
        duration_predictor_filter_channels=32,
        duration_predictor_num_flows=2,
        depth_separable_num_layers=2,
    ),
)

_MASKS = (
    _config(
        "bark",
        "BarkModel",
        semantic_config=_BARK,
        coarse_acoustics_config=_BARK,
        fine_acoustics_config={**_BARK, "n_codes_total": 3},
        codec_config=_CODEC,
    ),
)

FURTHER: dict[str, Config] = {config["model_type"]: config for config in (*_CONFIGS, *_MASKS, *_WEIGHT_NORM)}
