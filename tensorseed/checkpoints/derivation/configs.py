"""Checks of a config.json before a model is built from it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.errors import Fault, shortened
from tensorseed.sampling.dtypes import COMPUTE_DTYPES
from tensorseed.spec.json.pointers import MAX_FAULTS, Path, pointer

MAX_COUNT = 4_096  # layers, experts and the like, of any one kind
MAX_LABELS = 1_000_000
MAX_NUMBER = (1 << 31) - 1

_COUNT = re.compile(
    r"layer|block|depth|stage|expert|repeat|codebook|quantizer|hop|level|iteration|group|kernels"
)
_NO_COUNT = re.compile(r"(size|len|length|dim|dims|id|ids|idx|index|indices|width|loc|token|tokens)$")
_REFUSED = {
    "auto_map": "auto_map names code of the repository, which is never run here: name one of transformers' "
    "own model types, without auto_map",
    "quantization_config": "quantization_config describes weights that were quantised after training: leave "
    "it out, and quantise what the recipe gives",
    "use_timm_backbone": "a backbone of timm is not built here: leave it out",
    "use_pretrained_backbone": "a pretrained backbone is not loaded here: leave it out",
    "target_lang": "an adapter of a language is not loaded here: leave it out",
    "timm_version": "a model of timm is not built here: name one of transformers' own model types",
}


def check_config(config: Any) -> None:
    """Raise ConfigError unless `config` is an object whose numbers a model can be built from."""
    if not isinstance(config, dict):
        raise ConfigError.at("", "a config is one JSON object, the content of a config.json")
    faults = [Fault(pointer(path), detail) for path, detail in _faults(config)]
    if faults:
        raise ConfigError(faults[:MAX_FAULTS])


def installed() -> bool:
    """Whether transformers is there, without importing it."""
    return importlib.util.find_spec("transformers") is not None


def dtype_of(config: Mapping[str, Any]) -> str:
    """The dtype that the config names, float32 without one.

    Raises:
        ConfigError: torch computes in no such dtype.
    """
    field = "dtype" if config.get("dtype") is not None else "torch_dtype"
    given = config.get(field)
    if given is None:
        return "float32"
    name = str(given).removeprefix("torch.")
    if name not in COMPUTE_DTYPES:
        raise ConfigError.at(f"/{field}", f"{field} must be one of {', '.join(COMPUTE_DTYPES)}")
    return name


def _faults(config: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if not isinstance(config.get("model_type"), str):
        detail = "model_type is required: the name of one of transformers' model types, such as llama"
        yield ("model_type",), detail
    architectures = config.get("architectures")
    if architectures is not None and (
        not isinstance(architectures, list)
        or not architectures
        or not all(isinstance(name, str) for name in architectures)
    ):
        yield ("architectures",), "architectures is a list of class names, such as LlamaForCausalLM"
    for path, value in _members(config):
        name = next(part for part in reversed(path) if isinstance(part, str))
        if fault := _fault(name, value):
            yield path, fault


def _members(config: Any) -> Iterator[tuple[Path, Any]]:
    """Every value of the document with its path."""
    rest: list[tuple[Path, Any]] = [((name,), value) for name, value in config.items()]
    while rest:
        path, value = rest.pop()
        yield path, value
        if isinstance(value, dict):
            rest += [((*path, name), part) for name, part in reversed(value.items())]
        elif isinstance(value, list):
            rest += [((*path, place), part) for place, part in reversed([*enumerate(value)])]


def _fault(name: str, value: Any) -> str | None:
    """What is wrong with one field by itself."""
    if name in _REFUSED and value:
        return _REFUSED[name]
    if name == "backbone" and isinstance(value, str):
        return "a backbone that has to be looked up is not built here: give backbone_config"
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    if name == "num_labels":
        most = MAX_LABELS
    elif _COUNT.search(name) and not _NO_COUNT.search(name):
        most = MAX_COUNT
    else:
        most = MAX_NUMBER
    if abs(value) <= most:
        return None
    return f"{shortened(name)} must be at most {most:,} in a config that a recipe is derived from"
