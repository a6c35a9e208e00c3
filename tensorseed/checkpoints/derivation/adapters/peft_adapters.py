"""Weights of PEFT adapters, from configs of adapter and base."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict

from tensorseed.checkpoints.derivation.building import TooManyModulesError, recording, silence
from tensorseed.checkpoints.derivation.description import describe_all
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.overrides import overridden
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of, folded, giving_reasons
from tensorseed.checkpoints.derivation.recorder import DataDependentError
from tensorseed.errors import TensorseedError, shortened
from tensorseed.spec.json.pointers import pointer


def adapter_weights(adapter: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The `weights` of the file that peft saves of a new adapter.

    peft adds it to the base without data, under the recorder that the base has.

    Raises:
        ConfigError: peft cannot build it, or an init cannot be expressed.
    """
    with giving_reasons(base), silence():
        config = config_of(base)
        with recording() as recorder:
            model = class_of(base, config)._from_config(config, attn_implementation="eager")
            adapted = _adapted(model, adapter)
            state = get_peft_model_state_dict(adapted, save_embedding_layers=False)
        with recorder, torch.no_grad():
            return folded(overridden([*describe_all(state, recorder)], {}), "float32")


def _adapted(model: Any, adapter: Mapping[str, Any]) -> Any:
    """The model with the adapter.

    Raises:
        ConfigError: the fields of the adapter fit each other or the model in no way.
    """
    known = {field.name for field in fields(LoraConfig)}
    for name, value in adapter.items():
        if name not in known and value:
            detail = f"peft has no {shortened(name)} in the config of a LoRA: leave it out"
            raise ConfigError.at(pointer((name,)), detail)
    try:
        return get_peft_model(model, LoraConfig.from_peft_type(**_given(adapter)))
    except (TensorseedError, MemoryError, ImportError, TooManyModulesError, DataDependentError):
        raise
    except Exception as error:
        text = str(error)
        if "arget modules" in text or "target_modules" in text:
            detail = "no module of the base is one of target_modules, or one is no layer that LoRA adapts"
            raise ConfigError.at("/target_modules", f"{detail}: name linear layers, such as q_proj") from None
        field = next((name for name in adapter if re.search(rf"\b{re.escape(name)}\b", text)), None)
        at = "" if field is None else f"/{field}"
        detail = "peft takes no adapter of these fields"
        named = f": {shortened(field)} is at fault" if field else ""
        raise ConfigError.at(at, f"{detail}{named}") from None


def _given(adapter: Mapping[str, Any]) -> dict[str, Any]:
    """The fields but for those of null, which have their defaults."""
    return {name: value for name, value in adapter.items() if value is not None}
