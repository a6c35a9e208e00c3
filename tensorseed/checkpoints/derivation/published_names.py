"""Names that published checkpoints have for the tensors of a model.

transformers renames, splits and merges tensors of a file as it loads them, by a list of transforms for each
model. A name that the list leads to a tensor of the model is a name of its file, so the list is undone here.
`revert_weight_conversion` undoes it for `save_pretrained`, with four losses that are mended:

- A prefix that loading drops, such as `vision_model.` of a tower in LLaVA, is not put back.
- The transforms of a submodule apply to its siblings, where the submodule is the base model.
- A pattern with an asterisk, by which many tensors become one, is taken for a name.
- ESM gets the names of TensorFlow, `gamma` and `beta`, that loading accepts for every model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch
from transformers import PreTrainedModel
from transformers.conversion_mapping import get_checkpoint_conversion_mapping, get_model_conversion_mapping
from transformers.core_model_loading import (
    PrefixChange,
    WeightRenaming,
    WeightTransform,
    revert_weight_conversion,
)

from tensorseed.checkpoints.derivation.errors import ConfigError

State = dict[str, torch.Tensor]

TOWER_PREFIXES = ("vision_model", "text_model")
"""Prefixes within a tower of the CLIP and SigLIP kind that its published files have.

Every file of these classes has the level, whether the tower stands alone (openai/clip-vit-large-patch14) or
in another model: llava-hf/llava-1.5-7b-hf, llava-hf/llava-v1.6-mistral-7b-hf, google/gemma-3-4b-it and
google/paligemma-3b-pt-224 have `vision_tower.vision_model.`. Other prefixes that loading drops are of files
of a larger model, from which the class takes its part: `thinker.` of Qwen2.5-Omni, for one.
"""

OF_ONE_TOWER = {"altclip": "text_model"}
"""Model types whose transforms are of one submodule only, and would match another on the way back.

BAAI/AltCLIP has `text_model.roberta.encoder.layer.` and `vision_model.encoder.layers.`.
"""

_PART = re.compile(r"[A-Za-z0-9_\-]+")


def published(model: PreTrainedModel, state: Mapping[str, torch.Tensor]) -> State:
    """The tensors of a state dict by the names in published checkpoints, in the order of `save_pretrained`.

    Raises:
        ConfigError: a tensor would get a name that no file has.
    """
    transforms = [*_transforms(model)]
    model._weight_conversions = [transform for transform in transforms if not _merges(transform)]
    try:
        saved: State = revert_weight_conversion(model, dict(state)) if transforms else dict(state)
    finally:
        del model._weight_conversions
    for transform in transforms:
        if _merges(transform):
            saved = _one_a_layer(saved, transform)
    check_names(saved)
    return saved


def check_names(names: Mapping[str, object]) -> None:
    """Check that each name consists of identifiers and numbers between dots.

    Raises:
        ConfigError: one does not, as where a pattern of a renaming was taken for a name.
    """
    for name in names:
        if not all(_PART.fullmatch(part) for part in name.split(".")):
            detail = f"the installed transformers gives a tensor of this model the name {name}, which no "
            raise ConfigError.at("", f"{detail}checkpoint has: write its recipe by hand")


def _transforms(model: PreTrainedModel) -> Iterator[WeightTransform]:
    """What loading does to the names of this model's files, each of them within its own submodule."""
    modules = {name for name, _ in model.named_modules()}
    legacy = [transform.source_patterns for transform in get_checkpoint_conversion_mapping("legacy")]
    for transform in get_model_conversion_mapping(model, add_legacy=False):
        if transform.source_patterns in legacy:
            continue
        scope = transform.scope_prefix
        if scope is None and (tower := OF_ONE_TOWER.get(model.config.model_type)) in modules:
            transform.scope_prefix, transform.base_model_prefix = tower, ""
        elif scope is not None:  # it may lack the prefix of the base model, and then match its siblings
            parts = (part for part in (transform.base_model_prefix, scope) if part)
            whole = ".".join(parts)
            transform.scope_prefix = scope = whole if whole in modules else scope
            transform.base_model_prefix = ""
        if not isinstance(transform, PrefixChange) or _is_of_a_tower(transform, scope or ""):
            yield transform


def _is_of_a_tower(transform: PrefixChange, scope: str) -> bool:
    """Whether files have the prefix that a transform drops. A tower of that very name has it once."""
    prefix = transform.prefix_to_remove
    return prefix in TOWER_PREFIXES and scope.rpartition(".")[2] != prefix


def _merges(transform: WeightTransform) -> bool:
    """Whether it leads the tensors of all layers to one."""
    return isinstance(transform, WeightRenaming) and any("*" in name for name in transform.source_patterns)


def _one_a_layer(state: State, transform: WeightTransform) -> State:
    """The state with a tensor before those of each layer, for the one that stands for them all."""
    (pattern,), (merged,) = transform.source_patterns, transform.target_patterns
    layers, _, rest = pattern.partition(".*.")
    for name in [name for name in state if name.endswith(merged)]:
        stem = f"{name.removesuffix(merged)}{layers}."
        spread: State = {}
        for other, tensor in state.items():
            if other.startswith(stem):
                layer = other.removeprefix(stem).partition(".")[0]
                spread[f"{stem}{layer}.{rest}"] = state[name]
            spread[other] = tensor
        del spread[name]
        state = spread
    return state
