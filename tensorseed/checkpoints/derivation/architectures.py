"""Class of transformers that a config names."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import transformers
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tensorseed.checkpoints.errors import ConfigError
from tensorseed.spec.suggestions import unknown_name


def config_of(document: Mapping[str, Any]) -> PreTrainedConfig:
    """The config as transformers' own class for its model type.

    Raises:
        ConfigError: transformers lacks the model type, or a package that it needs.
    """
    kind = document["model_type"]
    if kind not in CONFIG_MAPPING:
        raise ConfigError.at("/model_type", unknown_name("model_type", kind, CONFIG_MAPPING))
    try:
        return CONFIG_MAPPING[kind].from_dict(copy.deepcopy(dict(document)))
    except ImportError:
        raise missing_package(kind) from None


def class_of(document: Mapping[str, Any], config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The class of the first of the architectures, or AutoModel's for the model type.

    Raises:
        ConfigError: the model type has no such class.
    """
    kind = document["model_type"]
    named = document.get("architectures")
    valid = _architectures(kind)
    name = named[0] if named else _first(modeling_auto.MODEL_MAPPING_NAMES.get(kind))
    if name is None:
        detail = "architectures is needed, since AutoModel has no class for this model type"
        raise ConfigError.at(
            "/architectures", f"{detail}: name one of {', '.join(valid)}" if valid else detail
        )
    found = _class(name, kind)
    if found is None or found.config_class is None or not isinstance(config, found.config_class):
        where = "/architectures/0" if named else "/model_type"
        raise ConfigError.at(where, unknown_name(f"architecture of {kind}", name, valid))
    return found


def _class(name: str, kind: str) -> type[PreTrainedModel] | None:
    """The model class of that name; None where there is none."""
    if name not in transformers.__all__:  # dir(transformers) has them as well, after a second
        return None
    try:
        found = getattr(transformers, name)
    except (ImportError, AttributeError):
        raise missing_package(kind) from None
    return found if isinstance(found, type) and issubclass(found, PreTrainedModel) else None


def _architectures(kind: str) -> list[str]:
    """The classes of a model type that transformers' Auto classes know."""
    tables = [
        table
        for name, table in vars(modeling_auto).items()
        if name.startswith("MODEL_") and name.endswith("MAPPING_NAMES")
    ]
    names = {name for table in tables if kind in table for name in _all(table[kind])}
    return sorted(names)


def _all(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _first(names: str | tuple[str, ...] | None) -> str | None:
    return None if not names else _all(names)[0]


def missing_package(kind: str) -> ConfigError:
    """The error of a model type that needs more than transformers and torch."""
    detail = f"transformers builds {kind} only with packages that are not installed here"
    return ConfigError.at("/model_type", f"{detail}: choose another model type")
