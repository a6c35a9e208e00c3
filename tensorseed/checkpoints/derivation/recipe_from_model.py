"""Recipe of a config: the tensors of its model, folded into entries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import transformers
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.core_model_loading import build_glob_alternation
from transformers.modeling_utils import remove_tied_weights_from_state_dict
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tensorseed.checkpoints.derivation.brace_folding import Entry, fold
from tensorseed.checkpoints.derivation.building import TooManyModulesError, build, silence
from tensorseed.checkpoints.derivation.configs import (
    OUTER_CONFIGS,
    TEXT_CONFIGS,
    architecture_of,
    dtype_of,
    with_floats,
)
from tensorseed.checkpoints.derivation.description import Described, describe_all
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.overrides import UNKNOWN, check_known, overridden
from tensorseed.checkpoints.derivation.published_names import published
from tensorseed.checkpoints.derivation.published_ties import untie, without_input_aliases
from tensorseed.checkpoints.derivation.reasons import missing_package, unbuildable
from tensorseed.checkpoints.derivation.recorder import DataDependentError, Recorder
from tensorseed.checkpoints.quantization import ConfigFormatError, quantised_tensors
from tensorseed.errors import TensorseedError
from tensorseed.suggestions import unknown_name

Document = dict[str, Any]

HALVES = ("float16", "bfloat16")

_VOCAB_SIZE = "vocab_size"
_ID_SUFFIXES = ("_token_id", "_token_index")


def weights_of(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> Document:
    """The `weights` of a recipe: dtype and entries of the model that a checked `config` describes.

    `overrides` are inits by pattern of name, which come before those of the model.

    Raises:
        ConfigError: transformers cannot build it, an init cannot be expressed, an override has no effect, or
            none of its weights can be quantised as the config says.
    """
    dtype = dtype_of(config)
    published = config.get("quantization_config")
    floats = {name: value for name, value in config.items() if name != "quantization_config"}
    described = _described(floats, dtype, overrides)
    if published is not None:
        try:
            described = quantised_tensors(described, published, dtype)
        except ConfigFormatError as error:
            raise ConfigError.at("/quantization_config", str(error)) from None
    return folded(described, dtype)


def folded(described: Sequence[tuple[str, Described]], dtype: str) -> Document:
    """The `weights` of tensors by name, most of them in `dtype`.

    Raises:
        ConfigError: some have no init; the error lists them.
    """
    check_known(described)
    tensors = []
    for name, body in described:
        entry = {field: value for field, value in body.items() if (field, value) != ("dtype", dtype)}
        tensors.append(Entry(name, json.dumps(entry)))
    return {"dtype": dtype, "layers": [_entry(*entry) for entry in fold(tensors)]}


def _described(
    config: Mapping[str, Any], dtype: str, overrides: Mapping[str, Any]
) -> list[tuple[str, Described]]:
    """The entries of all tensors by name.

    A table that transformers computes in half precision may be off by more than its own size.
    Such a model is described as in float32, but with its own dtypes.
    """
    state, recorder = _built(config)
    found = overridden([*describe_all(state, recorder)], overrides)
    if dtype not in HALVES or not any(UNKNOWN in described for _, described in found):
        return found
    wide = _built(
        {name: value for name, value in config.items() if name != "torch_dtype"} | {"dtype": "float32"}
    )
    dtypes = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in state.items()}
    described = [(name, entry | {"dtype": dtypes[name]}) for name, entry in describe_all(*wide)]
    return overridden(described, overrides)


def _built(config: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], Recorder]:
    """The state dict of the config's model as it is saved, and what was observed of it."""
    with giving_reasons(config), silence():
        found = config_of(config)
        try:
            cls = class_of(config, found)
            untied = untie(config, found)
            model, recorder = build(cls, found)
        except ImportError as error:
            raise missing_package(config["model_type"], error, found) from error
        state = saved(model, recorder)
        return without_input_aliases(model, state) if untied else state, recorder


@contextmanager
def giving_reasons(config: Mapping[str, Any]) -> Iterator[None]:
    """Turn what stops a model from being built into errors that say why.

    Raises:
        ConfigError: it was stopped.
    """
    try:
        yield
    except (TensorseedError, MemoryError):
        raise
    except TooManyModulesError:
        detail = "the model has too many modules to be built here: lower its counts of layers or experts"
        raise ConfigError.at("", detail) from None
    except DataDependentError:
        detail = "the structure of this model depends on random numbers: write its recipe by hand"
        raise ConfigError.at("", detail) from None
    except ImportError as error:
        raise missing_package(config.get("model_type", config.get("_class_name")), error) from error
    except Exception as error:
        raise unbuildable(config, error) from error


def _entry(name: str, body: str) -> Document:
    return {"name": name, **json.loads(body)}


def saved(model: PreTrainedModel, recorder: Recorder) -> dict[str, torch.Tensor]:
    """The state dict that `save_pretrained` splits into files, in its order.

    The dtypes are those of a model that `from_pretrained` has loaded, which keeps some tensors in float32.
    Tensors that share their elements have one name, and those that transformers fuses in memory
    are taken apart again, as published checkpoints have them.
    """
    with recorder, torch.no_grad():
        state = model.state_dict()
        for name in model._keys_to_ignore_on_save or ():
            state.pop(name, None)
        with recorder.paused():
            state = remove_tied_weights_from_state_dict(state, model)
        _widen(state, model)
        return published(model, state)


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


def config_of(document: Mapping[str, Any]) -> PreTrainedConfig:
    """The config as transformers' own class for its model type.

    Raises:
        ConfigError: transformers lacks the model type, or a package that it needs.
    """
    kind = document["model_type"]
    if kind not in CONFIG_MAPPING:
        raise ConfigError.at("/model_type", unknown_name("model_type", kind, CONFIG_MAPPING))
    try:
        return CONFIG_MAPPING[kind].from_dict(with_floats(dict(document)))
    except ImportError as error:
        raise missing_package(kind, error) from None


def class_of(document: Mapping[str, Any], config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The class of the first of the architectures, or AutoModel's for the model type.

    Raises:
        ConfigError: the model type has no such class.
    """
    kind = document["model_type"]
    named = architecture_of(document)
    name = named or _first(modeling_auto.MODEL_MAPPING_NAMES.get(kind))
    found = _class(name, kind) if name is not None else None
    if found is not None and _builds(found, config):
        return found
    valid = [each for each in _architectures(kind) if _builds(_class(each, kind), config)]
    if name is not None and named:
        raise ConfigError.at("/architectures/0", unknown_name(f"architecture of {kind}", name, valid))
    detail = f"architectures is needed, since AutoModel has no class for a config of {kind}"
    remedy = " or ".join(f'"architectures": ["{each}"]' for each in valid)
    raise ConfigError.at("/architectures", f"{detail}: write {remedy}" if valid else detail)


def _builds(cls: type[PreTrainedModel] | None, config: PreTrainedConfig) -> bool:
    """Whether a class builds a model of this config."""
    return cls is not None and cls.config_class is not None and isinstance(config, cls.config_class)


def _class(name: str, kind: str) -> type[PreTrainedModel] | None:
    """The model class of that name; None where there is none."""
    if name not in transformers.__all__:  # dir(transformers) has them as well, after a second
        return None
    try:
        found = getattr(transformers, name)
    except (ImportError, AttributeError) as error:
        raise missing_package(kind, error) from None
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


def with_vocabulary(document: dict[str, Any]) -> dict[str, Any]:
    """The config of a model that was built, with `vocab_size` and ids of special tokens that it leaves out.

    They are those of the model: the defaults of its class. Ids beyond the vocabulary stay left out. So does
    all where the class would read the config otherwise.
    """
    bare = {name: value for name, value in document.items() if name != "quantization_config"}
    with silence():
        config = config_of(bare)
        added = _vocabularies(bare, config)
        for name in OUTER_CONFIGS:
            part, inner = getattr(config, name, None), bare.get(name, {})
            if not isinstance(part, PreTrainedConfig) or not isinstance(inner, dict):
                continue
            if missing := _vocabularies(inner, part):
                added[name] = {**inner, **missing}
        try:
            is_same = config_of({**bare, **added}).to_dict() == config.to_dict()
        except Exception:  # a class that refuses its own defaults when they are given
            is_same = False
    return {**document, **added} if is_same else document


def _vocabularies(document: Mapping[str, Any], config: PreTrainedConfig) -> dict[str, Any]:
    """The members of a config and of its text configs that the document leaves out."""
    parts: dict[str, PreTrainedConfig] = {
        name: part for name in TEXT_CONFIGS if _size(part := getattr(config, name, None)) is not None
    }
    sizes = (_size(part) for part in (*parts.values(), config))
    size = next((found for found in sizes if found is not None), None)
    if size is None:
        return {}
    added = _missing(document, config, size)
    for name, part in parts.items():
        inner = document.get(name)
        given = inner if isinstance(inner, dict) else {"model_type": part.model_type}
        if missing := _missing(given, part, size):
            added[name] = {**given, **missing}
    return added


def _size(config: Any) -> int | None:
    size = getattr(config, _VOCAB_SIZE, None) if isinstance(config, PreTrainedConfig) else None
    return size if type(size) is int else None


def _missing(document: Mapping[str, Any], config: PreTrainedConfig, size: int) -> dict[str, Any]:
    """The members of `config` that say what the vocabulary is and that the document leaves out."""
    own = _size(config)
    found: dict[str, Any] = {} if own is None or _VOCAB_SIZE in document else {_VOCAB_SIZE: own}
    return found | {
        name: value
        for name, value in vars(config).items()
        if name.endswith(_ID_SUFFIXES) and name not in document and type(value) is int and 0 <= value < size
    }
