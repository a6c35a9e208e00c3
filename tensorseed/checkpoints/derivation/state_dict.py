"""The tensors of a model as `save_pretrained` writes them: names, order, dtypes, without aliases."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel
from transformers.core_model_loading import build_glob_alternation, revert_weight_conversion
from transformers.modeling_utils import remove_tied_weights_from_state_dict

from tensorseed.checkpoints.derivation.recorder import Observation


def saved(model: PreTrainedModel, observation: Observation) -> dict[str, torch.Tensor]:
    """The state dict that `save_pretrained` splits into files, in its order.

    The dtypes are those of a model that `from_pretrained` has loaded, which keeps some tensors in float32.
    Tensors that share their elements are kept under one name, and those that transformers fuses in memory
    are taken apart again, as published checkpoints have them.
    """
    with observation, torch.no_grad():
        state = model.state_dict()
        for name in model._keys_to_ignore_on_save or ():
            state.pop(name, None)
        with observation.paused():
            state = remove_tied_weights_from_state_dict(state, model)
        _widen(state, model)
        return dict(revert_weight_conversion(model, state))


def _widen(state: dict[str, torch.Tensor], model: PreTrainedModel) -> None:
    """Give those tensors their own dtype that transformers loads in one, such as a router's in float32."""
    plan = model._get_dtype_plan(model.dtype)
    if not plan:
        return
    alternation, keys, _ = build_glob_alternation(list(plan))
    for name, tensor in state.items():
        found = alternation.search(name)
        if found is not None and tensor.is_floating_point():
            state[name] = tensor.to(plan[keys[found.lastgroup]])
