"""Kinds of fields of a config, by their names.

The names are those that transformers' configs use: counts of layers, experts and heads, widths, vocabularies,
ids of tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Document = dict[str, Any]

COUNT = re.compile(
    r"(num_|n_)?(.+_)?(layers?|blocks|depths?)(_per_stage)?|.+_per_block|stage_num.*|(num_)?block_repeats"
    r"|num_stages_.*"
)
NO_COUNT = re.compile(
    r"(max|min|bit)_depth|.*(kernel|conv|adapter|residual|sample|sampling|feat_extract|mlp)_layers"
    r"|first_layers?|(vision_feature|feature|select|output|tapped).*_layers?|head_layers|num_feature_layers"
    r"|.*(_down|_up)_blocks|num_kv_shared_layers|max_window_layers|num_nextn_predict_layers"
)
FEW = re.compile(r"first_k_dense_replace|num_kv_shared_layers|moe_layer_start_index|n_dense_first_layers")
PERIOD = re.compile(r".*_(period|interval|freq|frequency|step|pattern|every_n|every_n_layers)")
OFFSET = re.compile(r".*_(layer|period)_offset")
INDICES = re.compile(r"(?!stage_num).*(ind(ex|ic)e?s|_idx|layers|blocks)|.*layer_index")

EXPERTS = re.compile(r"(moe_)?(n|num)_(routed_|local_)?experts|expert_num")
CHOSEN = re.compile(
    r"(num_)?experts_per_tok(en)?|moe_(top_?k|k)|top_k_experts|num_selected_experts|topk|router_topk"
    r"|n_limited_groups|moe_num_(active|selected).*"
)
GROUPED = re.compile(r"topk_group|(moe_)?(n|num)_shared_experts")

HEADS = re.compile(
    r"(.+_)?(num|n)_(.+_)?heads?|(.+_)?attention_heads|(.+_)?(num|n)_(.*)kv_heads|n_head_kv|num_heads.*|heads"
)
HEAD_DIM = re.compile(
    r"(.+_)?(head_dim|d_head|head_size|kv_channels|d_kv|rope_dim)|rotary_(dim|embedding_dim)"
)

MAIN_NAMES = ("hidden_size", "d_model", "n_embd", "embed_dim", "emb_dim", "dim")
MAIN = re.compile(r"(.+_)?(hidden_size|d_model|n_embd|embed_dim|hidden_dim|hidden_sizes|width|model_dim)")
WIDTH = re.compile(
    r"(.+_)?(hidden_sizes?|hidden_dims?|d_model|n_embd|embed_dims?|embedding_(size|dim)|d_ff|d_inner|n_inner"
    r"|ffn_(dim|size|hidden_size)|dff|dim_ff|mlp_dim|intermediate_(size|dim)s?|intermediate_size_mlp|emb_dim|width|lora_rank|d_embed|units"
    r"|proj(ection)?_(size|dim)|out_channels|output_channels|latent_(size|dim)|pooler_output_size|model_dim"
    r"|output_(dim|size)|inner_dim|feature_sizes|channel_list|dim_feedforward|feat_dim|filter_sizes?|d_rel"
    r"|embed_proj_dim|hidden_channels|lru_width|stem_channels|mid_channels|fc_dim|bottleneck_dim|d_latents"
    r"|adapter_input_size|embed_dims?_per_stage|conv_dim|num_filters|rank|proj_dim|hidden_dimension|dims?|channels|(initial|out)_channel|out_features)"
)
NO_WIDTH = re.compile(
    r"(num|in|audio|input|image|color|mel|scale)_channels"
    r"|.*(model_in|head|rope|kernel|.conv|input|box|state|bias)_dim"
    r"|(?!.*hidden_size).*patch.*|.*mel.*|channels|.*(coord|codebook|target)_dim|.*image_width"
)
GROUPS = re.compile(r".*_groups")
STAGES = re.compile(r"stage_.*|out_features")  # lists by stage, however many layers there are
BLOCKS = re.compile(r"block_configs")  # lists of blocks by stage: kernel, widths, stride and more of each
FACTORS = re.compile(r"depth_multiplier|(width|depth)_(coefficient|multiplier)")  # of widths, and of depths
STAGED = re.compile(r"in_channels")  # of stages, where it is a list
HEAD_GROUPS = re.compile(r"(mamba_|ssm_)?n_groups")  # of heads, in state-space models
EXPANSION = re.compile(r"(mamba_|ssm_)?expand")
HALVED = re.compile(r".*initial_channel")  # the width before stages that halve it
DOUBLED = re.compile(r"(num|n)_filters|base_channels")  # the width before stages that double it
RATES = re.compile(r"(up|down)sampl(e|ing)_(rates|ratios)")

VOCABULARY = re.compile(r"(.+_)?vocab(ulary)?_size|n_vocab|vocab_size_.*|.+_vocab|num_embeddings")
ID = re.compile(r".+_(token|tok)(_?ids?|_index)|(.*_)?suppress_tokens")

SKIPPED = frozenset({"id2label", "label2id", "task_specific_params", "quantization_config"})


def is_staged_list(name: str, value: Any) -> bool:
    """Whether a field has the widths that stages take, unlike the channels of an image."""
    return isinstance(value, list) and len(value) > 1 and bool(STAGED.fullmatch(name))


def numbers(value: Any) -> list[int]:
    """The whole numbers of a field: one, or a list of them. Booleans are none."""
    values = value if isinstance(value, list) else [value]
    return [number for number in values if isinstance(number, int) and not isinstance(number, bool)]


def mapped(value: Any, of: Callable[[int], int]) -> Any:
    """A field with `of` each of its whole numbers."""
    if isinstance(value, list):
        return [mapped(part, of) for part in value]
    return of(value) if isinstance(value, int) and not isinstance(value, bool) else value


def named(
    fields: Mapping[str, Any], pattern: re.Pattern[str], but: re.Pattern[str] | None = None
) -> Iterator[tuple[str, Any]]:
    """The fields with numbers whose names match."""
    for name, value in fields.items():
        if pattern.fullmatch(name) and not (but and but.fullmatch(name)) and numbers(value):
            yield name, value


def main_width(fields: Mapping[str, Any]) -> int:
    """The width of the widest layer of a config; 0 where it has none."""
    if isinstance(fields.get("depth"), int) and isinstance(fields.get("embed_dim"), int):
        return int(fields["embed_dim"])  # of a vision tower, whose hidden_size is that of the text
    own = [number for name in MAIN_NAMES for number in numbers(fields.get(name))]
    return max(own or [max(numbers(value)) for _, value in named(fields, MAIN, NO_WIDTH)], default=0)


def is_staged(fields: Mapping[str, Any]) -> bool:
    """Whether the widest layer of a config is the last of stages, whose widths grow."""
    return not any(numbers(fields.get(name)) for name in MAIN_NAMES) and any(
        isinstance(value, list) and len({*numbers(value)}) > 1 for _, value in named(fields, MAIN, NO_WIDTH)
    )


def shares_angles(fields: Mapping[str, Any]) -> bool:
    """Whether rotary positions turn several heads together, whose number the model then relies on."""
    rope = fields.get("rope_parameters")
    factor = rope.get("partial_rotary_factor") if isinstance(rope, dict) else None
    return isinstance(factor, int | float) and factor > 1


def vocabulary(fields: Mapping[str, Any]) -> int:
    """The tokens of a config; 0 where it has none."""
    found = fields.get("vocab_size")
    return found if isinstance(found, int) else 0
