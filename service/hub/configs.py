"""Schemas of the configs that recipes are derived from, and examples."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tensorseed.checkpoints.derivation.overrides import MAX_OVERRIDES
from tensorseed.spec.schemes import Init

from ..http.negotiation import JSON
from ..http.openapi import body_example, reference, request_body

_LLAMA: dict[str, Any] = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
_SMALL: dict[str, Any] = {**_LLAMA, "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 256}


class Config(BaseModel):
    """Base of the configs, whose other members are those of their library."""

    model_config = ConfigDict(extra="allow", protected_namespaces=(), defer_build=True)


class TransformersConfig(Config):
    """The config.json of a model of transformers."""

    model_type: str = Field(description="One of transformers' model types.", examples=["llama"])


class DiffusersConfig(Config):
    """The config.json of a model of diffusers."""

    class_name: str = Field(
        alias="_class_name", description="One of diffusers' models.", examples=["UNet2DConditionModel"]
    )


class PipelineConfig(Config):
    """A pipeline of diffusers."""

    model_index: dict[str, Any] = Field(
        description="The model_index.json of a pipeline.",
        examples=[{"_class_name": "StableDiffusionPipeline"}],
    )
    components: dict[str, Any] | None = Field(
        None,
        description="The configs of a pipeline's components.",
        examples=[{"unet": {"_class_name": "UNet2DConditionModel"}}],
    )
    files: dict[str, Any] | None = Field(
        None, description="Texts of a pipeline by path.", examples=[{"tokenizer/merges.txt": "#version: 0.2"}]
    )


class AdapterConfig(Config):
    """The adapter_config.json of a LoRA."""

    peft_type: Literal["LORA"] = Field(description="LORA.")
    base_model_name_or_path: str = Field(
        description="The id of an adapter's base.", examples=["tensorseed/tiny-llama"]
    )


AnyConfig = TransformersConfig | DiffusersConfig | PipelineConfig | AdapterConfig


class PlannedConfig(BaseModel):
    """A config, and how to change its model."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    config: AnyConfig = Field(description="The config.", examples=[_LLAMA])
    overrides: dict[str, Init] = Field(
        {},
        max_length=MAX_OVERRIDES,
        description="Inits by pattern of name, as rules have them; the first match counts.",
        examples=[{"A_log": "zeros"}],
    )
    tiny: bool = Field(False, description="Whether to shrink the model: a layer of each kind, small sizes.")


def plan_body() -> dict[str, Any]:
    """The documented body of a route that derives a recipe."""
    models = (TransformersConfig, DiffusersConfig, PipelineConfig, AdapterConfig, PlannedConfig)
    examples = {
        "config": body_example("A config.json", _SMALL),
        "tiny": body_example("A model, made tiny", {"config": _LLAMA, "tiny": True}),
        "overrides": body_example(
            "A config.json with another init of its embedding",
            {"config": _SMALL, "overrides": {"**.embed_tokens.weight": "xavier_normal"}},
        ),
    }
    schema = {"anyOf": [reference(model) for model in models]}
    return request_body({JSON: {"schema": schema, "examples": examples}})
