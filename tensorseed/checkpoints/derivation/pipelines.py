"""Recipes of diffusers' pipelines, from configs of their components."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tensorseed.checkpoints.derivation.configs import MAX_COMPONENTS, ConfigWarning, check_config
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.errors import Fault, SpecError, shortened
from tensorseed.spec.json.pointers import MAX_FAULTS, Path, pointer

Document = dict[str, Any]

MODEL_INDEX = "model_index.json"

_TEXTS = {  # the file that holds the config of a component without weights, by what its class's name has
    "Scheduler": "scheduler_config.json",
    "Tokenizer": "tokenizer_config.json",
    "Processor": "preprocessor_config.json",
    "FeatureExtractor": "preprocessor_config.json",
}
_CHECKER = "safety_checker"
_DROPPED = (
    "safety_checker is left out, since its class is part of a pipeline's code: the pipeline is loaded without"
)
_SHAPE = (
    """a pipeline is {"model_index": {...}, "components": {"unet": {...}, ...}}, with the config of each"""
)


def is_pipeline(document: Any) -> bool:
    """Whether a document is a model index with the configs of components."""
    return isinstance(document, dict) and "model_index" in document


def check_pipeline(document: Mapping[str, Any]) -> None:
    """Raise ConfigError unless each component's config can be read."""
    found: list[tuple[Path, str]] = []
    index: Any = document["model_index"]
    components: Any = document.get("components")
    if not isinstance(index, dict):
        found.append((("model_index",), "model_index must be an object, the content of model_index.json"))
    if not isinstance(components, dict) or not all(isinstance(part, dict) for part in components.values()):
        found.append((("components",), f"components must be an object of configs: {_SHAPE}"))
    if not isinstance(document.get("files", {}), dict):
        found.append((("files",), "files must be an object of texts by path"))
    found += [((name,), _SHAPE) for name in document if name not in ("model_index", "components", "files")]
    if found:
        raise ConfigError([Fault(pointer(path), detail) for path, detail in found])
    faults = [Fault(pointer(path), detail) for path, detail in _faults(index, components)]
    for name, part in _models(index, components):
        try:
            check_config(part)
        except ConfigError as error:
            faults += _below(name, error)
    if faults:
        raise ConfigError(faults[:MAX_FAULTS])


def _faults(index: Document, components: Document) -> Iterator[tuple[Path, str]]:
    """What is wrong with how index and components fit each other."""
    if not isinstance(index.get("_class_name"), str):
        yield ("model_index", "_class_name"), "_class_name is the name of a pipeline of diffusers"
    named = _named(index)
    if not any(True for _ in _models(index, components)):
        yield ("components",), f"no component has weights: {_SHAPE}"
    if len(named) > MAX_COMPONENTS or len(components) > MAX_COMPONENTS:
        yield ("components",), f"a pipeline has at most {MAX_COMPONENTS} components"
        return
    for name in named:
        if name not in components and _text_of(named[name]) is None:
            yield ("components", name), f"{name} is in model_index, and its config is missing: give it"
    for name in components:
        if name not in named and name != _CHECKER:
            yield ("components", name), f"{shortened(name)} is not in model_index: leave it out"


def derive_pipeline(
    document: Mapping[str, Any],
    name: str | None,
    weights_of: Callable[[Document], tuple[Document, Document, list[ConfigWarning]]],
) -> tuple[Document, list[ConfigWarning]]:
    """The recipe of a checked pipeline, with warnings.

    `weights_of` gives the config that is kept of a component, its weights, and warnings.

    Raises:
        ConfigError: a component cannot be derived; the pointer leads into it.
    """
    index, configs = dict(document["model_index"]), document["components"]
    named, warnings = _named(index), []
    files: Document = {}
    if index.get(_CHECKER) not in (None, [None, None]):
        index |= {_CHECKER: [None, None], "requires_safety_checker": False}
        warnings.append(ConfigWarning(f"/model_index/{_CHECKER}", "safety_checker", _DROPPED))
    for part, config in configs.items():
        text = _text_of(named.get(part, ""))
        if text is not None:
            files[f"{part}/{text}"] = config
    components = {}
    for part, config in _models(index, configs):
        is_complete = "architectures" in config or "_class_name" in config
        given = config if is_complete else {**config, "architectures": [named[part]]}
        try:
            kept, weights, found = weights_of(given)
        except SpecError as error:
            raise ConfigError(_below(part, error)) from None
        warnings += [each._replace(pointer=f"{_place(part)}{each.pointer}") for each in found]
        components[part] = {"config": kept, "weights": weights}
    recipe = {
        "id": name or f"local/{index['_class_name']}",
        "files": {**document.get("files", {}), MODEL_INDEX: index, **files},
        "components": components,
    }
    return recipe, warnings


def _models(index: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[tuple[str, Document]]:
    """The components with weights, in the order of their names."""
    named = _named(index)
    for name in sorted(components):
        if name in named and _text_of(named[name]) is None:
            yield name, components[name]


def _named(index: Mapping[str, Any]) -> dict[str, str]:
    """The classes of a pipeline's components, but for those that it does without."""
    return {
        name: part[1]
        for name, part in index.items()
        if isinstance(part, list) and len(part) == 2 and isinstance(part[1], str) and name != _CHECKER
    }


def _text_of(class_name: str) -> str | None:
    """The file of the config of a class without weights; None for a model."""
    return next((text for part, text in _TEXTS.items() if part in class_name), None)


def _below(name: str, error: SpecError) -> list[Fault]:
    """The faults of a component's config, by pointers into the document of the pipeline."""
    return [Fault(f"{_place(name)}{fault.pointer}", fault.detail) for fault in error.faults]


def _place(name: str) -> str:
    """The pointer to a component."""
    return pointer(("components", name))
