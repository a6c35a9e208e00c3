"""Derivation of a recipe from a config, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from tensorseed.checkpoints.derivation.adapters.documents import check_adapter, derive_adapter, is_adapter
from tensorseed.checkpoints.derivation.configs import (
    ConfigWarning,
    check_config,
    installed,
    library_of,
    without_ignored,
)
from tensorseed.checkpoints.derivation.errors import ConfigError, MissingExtraError
from tensorseed.checkpoints.derivation.overrides import check_overrides, compiled
from tensorseed.checkpoints.derivation.pipelines import check_pipeline, derive_pipeline, is_pipeline
from tensorseed.checkpoints.quantization import multiple_of_sizes, smaller_groups, spelled_format


class Derivation(NamedTuple):
    """The recipe of a config, and what was passed over."""

    recipe: dict[str, Any]
    warnings: list[ConfigWarning]


def derive(
    config: Mapping[str, Any], name: str | None = None, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The recipe of a config.json: id, config and weights.

    The tensors are those that `save_pretrained` writes of the model that `AutoModel.from_config` gives, each
    with an init of the same distribution. `name` is the id, `local/` and the model type if left out.
    `overrides` maps patterns of names, as rules have them, to inits. The first pattern that matches counts.

    Raises:
        ConfigError: no model can be built from the config, or no recipe can express it.
        MissingExtraError: transformers is not installed.
    """
    return derivation_of(config, name, overrides).recipe


def derivation_of(
    config: Mapping[str, Any],
    name: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    tiny: bool = False,
) -> Derivation:
    """The recipe that `derive` gives, with warnings. Its config lacks what they say is left out.

    With `tiny` it is the recipe of a small model with the same kinds of layers.

    Raises:
        ConfigError: as `derive`.
        MissingExtraError: transformers is not installed.
    """
    check_document(config)
    given = checked({} if overrides is None else overrides, config)
    check_tiny(tiny, config)
    if missing := missing_library(config):
        raise MissingExtraError(missing)
    if is_adapter(config):
        return Derivation(derive_adapter(config, name), [])
    if is_pipeline(config):
        return Derivation(*derive_pipeline(config, name, partial(_derived, overrides=given)))
    kept, weights, warnings = _derived(config, given, tiny=tiny)
    recipe = {
        "id": name or f"local/{kept.get('model_type', kept.get('_class_name'))}",
        "config": kept,
        "weights": weights,
    }
    return Derivation(recipe, warnings)


def check_document(document: Any) -> None:
    """Raise ConfigError unless a config, or each of a pipeline's, is one that a model can be built from."""
    if is_adapter(document):
        check_adapter(document)
    elif is_pipeline(document):
        check_pipeline(document)
    else:
        check_config(document)


def missing_library(document: Mapping[str, Any]) -> str | None:
    """The first library that a checked document needs and that is not installed."""
    if is_adapter(document):
        return next((library for library in ("transformers", "peft") if not installed(library)), None)
    parts = document["components"].values() if is_pipeline(document) else [document]
    needed = ["transformers", *map(library_of, parts), *(["diffusers"] if is_pipeline(document) else [])]
    return next((library for library in needed if not installed(library)), None)


def checked(overrides: Any, config: Any) -> dict[str, Any]:
    """The inits by pattern for a checked config.

    Raises:
        ConfigError: they are not valid, or the config is that of a pipeline.
    """
    if compiled(overrides) and is_pipeline(config):
        detail = "overrides fill the tensors of one model: derive the components of a pipeline one by one"
        raise ConfigError.at("/overrides", detail)
    if overrides and is_adapter(config):
        raise ConfigError.at("/overrides", "overrides fill tensors of a model: leave them out for an adapter")
    check_overrides(overrides)
    return dict(overrides)


def check_tiny(tiny: Any, config: Any) -> None:
    """Raise ConfigError unless `tiny` says whether to shrink a checked config of transformers."""
    if not isinstance(tiny, bool):
        raise ConfigError.at("/tiny", "tiny must be true or false")
    if tiny and (is_adapter(config) or is_pipeline(config) or library_of(config) != "transformers"):
        raise ConfigError.at("/tiny", "tiny shrinks a model of transformers: send this config without it")


def _derived(
    config: Mapping[str, Any], overrides: Mapping[str, Any], *, tiny: bool = False
) -> tuple[dict[str, Any], dict[str, Any], list[ConfigWarning]]:
    """What is kept of a checked config, its weights, and warnings."""
    kept, warnings = without_ignored(config)
    if "quantization_config" in kept:
        kept["quantization_config"] = spelled_format(kept["quantization_config"])
    if tiny:
        kept, weights = _with_groups_that_fit(kept, overrides)
    else:
        weights = _weights_of(kept, overrides)
    return _with_vocabulary(kept), weights, warnings


def _shrunk(
    config: dict[str, Any], overrides: Mapping[str, Any], multiple: int | None = None
) -> dict[str, Any]:
    from tensorseed.checkpoints.derivation.tiny.shrinking import shrunk

    small = shrunk(config) if multiple is None else shrunk(config, multiple)
    if small is None:
        _weights_of(config, overrides)  # which says what is wrong with the config itself
        detail = "transformers builds this model with none of the small sizes that are tried"
        raise ConfigError.at("", f"{detail}: shrink its config by hand")
    return small


def _with_groups_that_fit(
    config: dict[str, Any], overrides: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A small config and its weights, quantised by groups of as many inputs as divide its sizes.

    Groups become smaller where the method takes smaller ones. Otherwise the sizes are multiples of them.
    """
    small = _shrunk(config, overrides)
    try:
        return small, _weights_of(small, overrides)
    except ConfigError as error:
        if error.faults[0].pointer != "/quantization_config":
            raise
        refused = error
    for smaller in smaller_groups(small["quantization_config"]):
        changed = {**small, "quantization_config": smaller}
        with suppress(ConfigError):
            return changed, _weights_of(changed, overrides)
    if multiple := multiple_of_sizes(small["quantization_config"]):
        with suppress(ConfigError):
            wider = _shrunk(config, overrides, multiple)
            return wider, _weights_of(wider, overrides)
    raise refused


def _with_vocabulary(config: dict[str, Any]) -> dict[str, Any]:
    if library_of(config) == "diffusers":
        return config
    from tensorseed.checkpoints.derivation.recipe_from_model import with_vocabulary

    return with_vocabulary(config)


def _weights_of(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    if library_of(config) == "diffusers":
        from tensorseed.checkpoints.derivation.diffusers_models import diffusers_weights

        return diffusers_weights(config, overrides)
    from tensorseed.checkpoints.derivation.recipe_from_model import weights_of

    return weights_of(config, overrides)
