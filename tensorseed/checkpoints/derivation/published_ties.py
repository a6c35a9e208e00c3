"""Output embeddings that are untied in published checkpoints.

transformers 5 ties them: where the whole config says so, for which it has other defaults than transformers 4.
Where a file holds both tensors it loads both, and leaves them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel

UNTIED = frozenset({"mt5"})
"""Model types of one config whose output embedding is untied unless the config says otherwise.

MT5Config of transformers 4 has the default; google/mt5-small has `lm_head.weight`.
"""


def untie(document: Mapping[str, Any], config: PreTrainedConfig) -> bool:
    """Untie the output embedding in `config`, where published files have it untied. Whether it was tied.

    Where the config has several parts, that of the decoder decides, as transformers 4 read it. transformers 5
    ties T5 and its kin whatever their config says (google/flan-t5-small has `lm_head.weight`), and by default
    Mistral 3, InternVL, Janus and others.
    """
    if not getattr(config, "tie_word_embeddings", False):
        return False
    decoder = config.get_text_config(decoder=True)
    given = document.get("tie_word_embeddings")
    if decoder.model_type == config.model_type:  # it may be a copy
        untied = given is False or (given is None and config.model_type in UNTIED)
    else:
        untied = given is not True and getattr(decoder, "tie_word_embeddings", None) is False
    if untied:
        config.tie_word_embeddings = False
    return untied


def without_input_aliases(
    model: PreTrainedModel, state: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The state dict without the input embeddings that are tied to another, as T5's encoder's to `shared`."""
    output = model.get_output_embeddings()
    own = {id(parameter) for parameter in output.parameters()} if output is not None else set()
    parameters = dict(model.named_parameters(remove_duplicate=False))
    tied = model._tied_weights_keys or {}
    aliases = {name for name in tied if name in parameters and id(parameters[name]) not in own}
    return {name: tensor for name, tensor in state.items() if name not in aliases}
