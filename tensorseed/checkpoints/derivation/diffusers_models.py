"""Weights of the models of diffusers, from their configs."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from typing import Any, TypeGuard

import diffusers
import torch
from diffusers import ConfigMixin, DiffusionPipeline, ModelMixin

from tensorseed.checkpoints.derivation.building import recording, silence
from tensorseed.checkpoints.derivation.configs import dtype_of
from tensorseed.checkpoints.derivation.description import Described, describe_all
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.overrides import overridden
from tensorseed.checkpoints.derivation.recipe_from_model import folded, giving_reasons
from tensorseed.suggestions import unknown_name

_NO_MODEL = re.compile(r"^AutoModel$|^Attention|^attention|Config$|Mixin$|Multi(?:Adapter|ControlNet)")

_TWO_LIBRARIES = (
    "_class_name names a model of diffusers, and model_type one of transformers: leave one of them out"
)


def diffusers_weights(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The `weights` of the model that a checked `config` describes, of the class that `_class_name` names.

    diffusers notes no dtype in configs; `dtype` or `torch_dtype` is one here, float32 without.

    Raises:
        ConfigError: diffusers cannot build it, or an init cannot be expressed.
    """
    dtype = dtype_of(config)
    with giving_reasons(config), silence(), _silent():
        cls = _class(config["_class_name"])
        if "model_type" in config and "model_type" not in signature(cls.__init__).parameters:
            raise ConfigError.at("/model_type", _TWO_LIBRARIES)
        with recording() as recorder:
            model = cls.from_config(copy.deepcopy(dict(config)))
        with recorder, torch.no_grad():
            state = dict(model.state_dict())
            described = [*_in_dtype(describe_all(state, recorder), dtype)]
            return folded(overridden(described, overrides), dtype)


def _in_dtype(tensors: Iterator[tuple[str, Described]], dtype: str) -> Iterator[tuple[str, Described]]:
    """The tensors of a model in float32, as one of `dtype` has them."""
    for name, body in tensors:
        yield name, {**body, "dtype": dtype} if body["dtype"] == "float32" else body


def _class(name: str) -> type[ModelMixin]:
    """The model class of that name.

    Raises:
        ConfigError: diffusers has no such model.
    """
    found = getattr(diffusers, name, None) if name in diffusers.__all__ else None
    if _is_model(found):
        return found
    if isinstance(found, type) and issubclass(found, DiffusionPipeline):
        detail = (
            f"{name} is a pipeline: name the folder, or send model_index and the configs of its components"
        )
        raise ConfigError.at("/_class_name", detail)
    raise ConfigError.at("/_class_name", unknown_name("model of diffusers", name, _models()))


def _is_model(found: Any) -> TypeGuard[type[ModelMixin]]:
    """Whether it is the class of a model that has a config; diffusers' Auto classes have none."""
    return (
        isinstance(found, type)
        and issubclass(found, ModelMixin)
        and issubclass(found, ConfigMixin)
        and found is not ModelMixin
    )


def _models() -> list[str]:
    """The names of diffusers' models, without importing each."""
    return [name for name in diffusers._import_structure["models"] if not _NO_MODEL.search(name)]


@contextmanager
def _silent() -> Iterator[None]:
    """Suppress what diffusers logs to its own users."""
    logger = logging.getLogger("diffusers")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
