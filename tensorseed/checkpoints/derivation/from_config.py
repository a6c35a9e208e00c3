"""Derivation of a recipe from a config, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tensorseed.checkpoints.derivation.configs import ConfigWarning, check_config, installed, without_ignored
from tensorseed.checkpoints.derivation.errors import MissingExtraError


class Derivation(NamedTuple):
    """The recipe of a config, and what was passed over."""

    recipe: dict[str, Any]
    warnings: list[ConfigWarning]


def derive(config: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """The recipe of a config.json: id, config and weights.

    The tensors are those that `save_pretrained` writes of the model that `AutoModel.from_config` gives, each
    with an init of the same distribution. `name` is the id, `local/` and the model type if left out.

    Raises:
        ConfigError: no model can be built from the config, or no recipe can express it.
        MissingExtraError: transformers is not installed.
    """
    return derivation_of(config, name).recipe


def derivation_of(config: Mapping[str, Any], name: str | None = None) -> Derivation:
    """The recipe that `derive` gives, with warnings. Its config lacks what they say is left out.

    Raises:
        ConfigError: as `derive`.
        MissingExtraError: transformers is not installed.
    """
    check_config(config)
    if not installed():
        raise MissingExtraError
    from tensorseed.checkpoints.derivation.recipe_from_model import weights_of

    kept, warnings = without_ignored(config)
    recipe = {"id": name or f"local/{kept['model_type']}", "config": kept, "weights": weights_of(kept)}
    return Derivation(recipe, warnings)
