"""Small configs whose published names are not those in memory."""

from __future__ import annotations

from typing import Any, NamedTuple

_VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}
_TEXT = {
    "vocab_size": 128,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
_T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "vocab_size": 100}


class Published(NamedTuple):
    """A config, and names of published files of its kind, one of them named in the comment."""

    config: dict[str, Any]
    names: tuple[str, ...]


def _of(kind: str, architecture: str, *names: str, **fields: Any) -> Published:
    return Published({"model_type": kind, "architectures": [architecture], **fields}, names)


def _seeing(kind: str, architecture: str, text: str, vision: str, *names: str, **fields: Any) -> Published:
    parts = {
        "text_config": {"model_type": text, **_TEXT, "head_dim": 8},
        "vision_config": {"model_type": vision, **_VISION},
    }
    return _of(kind, architecture, *names, **parts, **fields)


_TOWER = "vision_tower.vision_model.encoder.layers.1.self_attn.q_proj.weight"

PUBLISHED = {
    # llava-hf/llava-1.5-7b-hf
    "llava": _seeing(
        "llava",
        "LlavaForConditionalGeneration",
        "llama",
        "clip_vision_model",
        _TOWER,
        "vision_tower.vision_model.pre_layrnorm.weight",
        "language_model.model.layers.1.mlp.up_proj.weight",
        "language_model.lm_head.weight",
        image_token_index=100,
    ),
    # llava-hf/llava-v1.6-mistral-7b-hf
    "llava_next": _seeing(
        "llava_next",
        "LlavaNextForConditionalGeneration",
        "mistral",
        "clip_vision_model",
        _TOWER,
        "image_newline",
        image_token_index=100,
        image_grid_pinpoints=[[32, 32]],
    ),
    # google/gemma-3-4b-it
    "gemma3": _seeing(
        "gemma3",
        "Gemma3ForConditionalGeneration",
        "gemma3_text",
        "siglip_vision_model",
        _TOWER,
        "language_model.model.layers.0.self_attn.q_norm.weight",
        "multi_modal_projector.mm_soft_emb_norm.weight",
        image_token_index=100,
        boi_token_index=101,
        eoi_token_index=102,
        mm_tokens_per_image=4,
    ),
    # google/paligemma-3b-pt-224
    "paligemma": _seeing(
        "paligemma",
        "PaliGemmaForConditionalGeneration",
        "gemma",
        "siglip_vision_model",
        _TOWER,
        "language_model.model.embed_tokens.weight",
        image_token_index=100,
        projection_dim=32,
        hidden_size=32,
    ),
    # mistralai/Mistral-Small-3.1-24B-Instruct-2503
    "mistral3": _seeing(
        "mistral3",
        "Mistral3ForConditionalGeneration",
        "mistral",
        "pixtral",
        "language_model.lm_head.weight",
        "vision_tower.transformer.layers.0.attention.q_proj.weight",
        image_token_index=100,
    ),
    # OpenGVLab/InternVL3-1B-hf
    "internvl": _of(
        "internvl",
        "InternVLForConditionalGeneration",
        "language_model.lm_head.weight",
        "vision_tower.encoder.layer.0.lambda_1",
        image_token_id=100,
        text_config={"model_type": "qwen2", **_TEXT},
        vision_config={
            "model_type": "internvl_vision",
            **_VISION,
            "image_size": [32, 32],
            "patch_size": [8, 8],
        },
    ),
    # openai/clip-vit-large-patch14, as Stable Diffusion's text encoder and LLaVA's tower take it
    "clip_text_model": _of(
        "clip_text_model",
        "CLIPTextModel",
        "text_model.encoder.layers.1.mlp.fc1.weight",
        **_TEXT,
    ),
    "clip_vision_model": _of(
        "clip_vision_model",
        "CLIPVisionModel",
        "vision_model.encoder.layers.1.mlp.fc1.weight",
        **_VISION,
    ),
    # google/siglip-base-patch16-224
    "siglip": _of(
        "siglip",
        "SiglipModel",
        "vision_model.encoder.layers.1.mlp.fc1.weight",
        "text_model.head.weight",
        text_config={**_TEXT, "projection_size": 32},
        vision_config=_VISION,
    ),
    # BAAI/AltCLIP
    "altclip": _of(
        "altclip",
        "AltCLIPModel",
        "vision_model.encoder.layers.1.mlp.fc1.weight",
        "text_model.roberta.encoder.layer.1.attention.self.query.weight",
        text_config={**_TEXT, "project_dim": 32, "max_position_embeddings": 40},
        vision_config=_VISION,
        projection_dim=32,
    ),
    # facebook/esm2_t6_8M_UR50D
    "esm": _of(
        "esm",
        "EsmForMaskedLM",
        "esm.encoder.layer.0.attention.self.rotary_embeddings.inv_freq",
        "esm.encoder.layer.1.attention.self.rotary_embeddings.inv_freq",
        "esm.encoder.layer.1.attention.LayerNorm.weight",
        vocab_size=33,
        num_hidden_layers=2,
        hidden_size=32,
        num_attention_heads=2,
        intermediate_size=8,
        position_embedding_type="rotary",
        pad_token_id=1,
        mask_token_id=3,
    ),
    # facebook/vit-mae-base
    "vit_mae": _of(
        "vit_mae",
        "ViTMAEForPreTraining",
        "decoder.decoder_layers.1.attention.attention.query.weight",
        "vit.encoder.layer.1.attention.attention.query.weight",
        **_VISION,
        decoder_hidden_size=32,
        decoder_num_hidden_layers=2,
        decoder_num_attention_heads=4,
        decoder_intermediate_size=64,
    ),
    # google/mt5-small, whose config says nothing else
    "mt5": _of("mt5", "MT5ForConditionalGeneration", "shared.weight", "lm_head.weight", **_T5),
    # google/flan-t5-small
    "t5": _of(
        "t5",
        "T5ForConditionalGeneration",
        "shared.weight",
        "lm_head.weight",
        **_T5,
        tie_word_embeddings=False,
        feed_forward_proj="gated-gelu",
    ),
}
