"""Small configs of the families of models that the tests build."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

_DECODER = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 500,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "dtype": "bfloat16",
}
_ENCODER = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
_TEXT = {**_ENCODER, "vocab_size": 500}
_IMAGES = {**_ENCODER, "image_size": 32, "patch_size": 8}
_TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def _config(kind: str, architecture: str, *parts: Config, **fields: Any) -> Config:
    config: Config = {"model_type": kind, "architectures": [architecture]}
    for part in (*parts, fields):
        config |= part
    return config


FAMILIES: dict[str, Config] = {
    config["model_type"]: config
    for config in (
        _config(
            "gpt2", "GPT2LMHeadModel", _TOKENS, n_embd=64, n_layer=3, n_head=4, vocab_size=500, n_positions=64
        ),
        _config("bert", "BertForMaskedLM", _TEXT),
        _config("roberta", "RobertaForMaskedLM", _TEXT),
        _config(
            "t5",
            "T5ForConditionalGeneration",
            d_model=64,
            d_kv=16,
            d_ff=128,
            num_layers=2,
            num_heads=4,
            vocab_size=500,
        ),
        _config("vit", "ViTForImageClassification", _IMAGES),
        _config(
            "clip",
            "CLIPModel",
            projection_dim=32,
            text_config={**_TEXT, **_TOKENS},
            vision_config=_IMAGES,
        ),
        _config(
            "whisper",
            "WhisperForConditionalGeneration",
            _TOKENS,
            d_model=64,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=128,
            decoder_ffn_dim=128,
            vocab_size=500,
            num_mel_bins=8,
            max_source_positions=50,
            max_target_positions=40,
            decoder_start_token_id=3,
        ),
        _config(
            "resnet",
            "ResNetForImageClassification",
            embedding_size=16,
            hidden_sizes=[16, 32],
            depths=[1, 2],
            layer_type="basic",
        ),
        _config("llama", "LlamaForCausalLM", _DECODER),
        _config("mistral", "MistralForCausalLM", _DECODER),
        _config("mixtral", "MixtralForCausalLM", _DECODER, num_local_experts=4),
        _config("qwen3", "Qwen3ForCausalLM", _DECODER, head_dim=16, tie_word_embeddings=True),
        _config("gemma", "GemmaForCausalLM", _DECODER, head_dim=16),
        _config("phi", "PhiForCausalLM", _DECODER, num_key_value_heads=4, dtype="float16"),
        _config(
            "deepseek_v3",
            "DeepseekV3ForCausalLM",
            _DECODER,
            num_key_value_heads=4,
            num_hidden_layers=3,
            first_k_dense_replace=1,
            moe_intermediate_size=32,
            n_routed_experts=8,
            n_group=2,
            topk_group=1,
            num_experts_per_tok=2,
            kv_lora_rank=16,
            q_lora_rank=24,
            qk_rope_head_dim=8,
            qk_nope_head_dim=8,
            v_head_dim=16,
        ),
    )
}
