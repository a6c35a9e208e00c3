"""Checks of a config.json before a model is built from it."""

from __future__ import annotations

import copy
import importlib.util
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.quantization import ConfigFormatError, read_format
from tensorseed.errors import Fault, shortened
from tensorseed.sampling.dtypes import COMPUTE_DTYPES
from tensorseed.spec.json.pointers import MAX_FAULTS, Path, pointer

MAX_COMPONENTS = 16  # of a pipeline
MAX_COUNT = 4_096  # layers, experts and the like, of any one kind
MAX_LABELS = 1_000_000
MAX_NUMBER = (1 << 31) - 1

_COUNT = re.compile(
    r"layer|block|depth|stage|expert|repeat|codebook|quantizer|hop|level|iteration|group|kernels"
)
_NO_COUNT = re.compile(r"(size|len|length|dim|dims|id|ids|idx|index|indices|width|loc|token|tokens)$")
_IGNORED = {
    "auto_map": "auto_map is left out: it names code of the repository, and transformers' own model is built",
    "auto_dtype": "a dtype of auto is left out, since it stands for that of weights that are there: the "
    "recipe's is float32 unless the config names one",
}
_REFUSED = {
    "quantization_config": "quantization_config stands at the top of a config: move it there, or drop it",
    "use_timm_backbone": "a backbone of timm is not built here: give backbone_config instead",
    "use_pretrained_backbone": "a pretrained backbone is not loaded here: leave it out",
    "target_lang": "an adapter of a language is not loaded here: leave it out",
    "timm_version": "a model of timm is not built here: name one of transformers' own model types",
}
_BARE_DECODERS = ("maskformer",)  # whose decoder_config is of a DETR of which no backbone is built


TEXT_CONFIGS = ("text_config", "llm_config", "language_config", "text_encoder", "decoder")
"""Configs within a config that may have the vocabulary."""

OUTER_CONFIGS = ("thinker_config", "vlm_config")
"""Configs within a config that may have one of `TEXT_CONFIGS`."""


class ConfigWarning(NamedTuple):
    """A member of a config that a derivation passes over, or that changes what is derived or served."""

    pointer: str  # a JSON Pointer into the config, as it was given
    code: str
    detail: str


def check_config(config: Any) -> None:
    """Raise ConfigError unless `config` is an object whose numbers a model can be built from."""
    if not isinstance(config, dict):
        raise ConfigError.at("", "a config is one JSON object, the content of a config.json")
    faults = [Fault(pointer(path), detail) for path, detail in _faults(config)]
    if faults:
        raise ConfigError(faults[:MAX_FAULTS])


def without_ignored(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[ConfigWarning]]:
    """The config without the members that say nothing of a recipe's weights, and a warning for each.

    They are `auto_map`, code of the repository, and a dtype of `auto`, which stands for that of the weights.
    """
    warned: list[ConfigWarning] = []

    def copied(value: Any, path: Path) -> Any:
        if isinstance(value, list):
            return [copied(part, (*path, place)) for place, part in enumerate(value)]
        if not isinstance(value, dict):
            return value
        kept = {}
        for name, part in value.items():
            code = _ignored(name, part)
            if code is None:
                kept[name] = copied(part, (*path, name))
            elif len(warned) < MAX_FAULTS:
                warned.append(ConfigWarning(pointer((*path, name)), code, _IGNORED[code]))
        return kept

    return copied(dict(config), ()), warned


def _ignored(name: str, value: Any) -> str | None:
    """The code of the warning about a member that is left out."""
    if name == "auto_map" and value:
        return "auto_map"
    return "auto_dtype" if name in ("dtype", "torch_dtype") and value == "auto" else None


def installed(library: str = "transformers") -> bool:
    """Whether a library is there, without importing it."""
    return importlib.util.find_spec(library) is not None


def library_of(config: Mapping[str, Any]) -> str:
    """The library whose class a config names: diffusers or transformers."""
    return "diffusers" if "_class_name" in config else "transformers"


def architecture_of(config: Mapping[str, Any]) -> str:
    """The first class that the config names; an empty text where it names none."""
    named = config.get("architectures")
    return named[0] if isinstance(named, list) and named and isinstance(named[0], str) else ""


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
    if "_class_name" in config:
        if not isinstance(config["_class_name"], str):
            yield ("_class_name",), "_class_name is the name of a class of diffusers, such as AutoencoderKL"
    elif not isinstance(config.get("model_type"), str):
        detail = "model_type is required: the name of one of transformers' model types, such as llama"
        yield ("model_type",), detail
    architectures = config.get("architectures")
    if architectures is not None and (
        not isinstance(architectures, list)
        or not architectures
        or not all(isinstance(name, str) for name in architectures)
    ):
        yield ("architectures",), "architectures is a list of class names, such as LlamaForCausalLM"
    yield from _quantization_faults(config.get("quantization_config"))
    for path, value in members(config):
        if path[0] == "quantization_config":
            continue
        name = next(part for part in reversed(path) if isinstance(part, str))
        is_unused = "backbone" in name and path[0] == "decoder_config"
        if is_unused and config.get("model_type") in _BARE_DECODERS:
            continue
        if fault := _fault(name, value):
            yield path, fault


def _quantization_faults(document: Any) -> Iterator[tuple[Path, str]]:
    """What is wrong with the quantization_config, if there is one."""
    if document is None:
        return
    try:
        read_format(document)
    except ConfigFormatError as error:
        yield ("quantization_config", *((error.member,) if error.member else ())), str(error)


def members(config: Any) -> Iterator[tuple[Path, Any]]:
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
        maximum = MAX_LABELS
    elif _COUNT.search(name) and not _NO_COUNT.search(name):
        maximum = MAX_COUNT
    else:
        maximum = MAX_NUMBER
    if abs(value) <= maximum:
        return None
    return f"{shortened(name)} must be at most {maximum:,} in a config that a recipe is derived from"


def with_floats(value: Any) -> Any:
    """A copy with floats for what stands in JSON for those that it lacks: `{"__float__": "Infinity"}`."""
    if isinstance(value, dict):
        if value.keys() == {"__float__"} and value["__float__"] in ("Infinity", "-Infinity", "NaN"):
            return float(value["__float__"])
        return {name: with_floats(part) for name, part in value.items()}
    return [*map(with_floats, value)] if isinstance(value, list) else copy.deepcopy(value)
