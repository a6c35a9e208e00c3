"""Derivation of a recipe from a config, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorseed.checkpoints.derivation.configs import check_config, installed
from tensorseed.checkpoints.derivation.errors import MissingExtraError


def derive(config: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """The recipe of a config.json: id, config as given, and weights.

    The tensors are those that `save_pretrained` writes of the model that `AutoModel.from_config` gives, each
    with an init of the same distribution. `name` is the id, `local/` and the model type if left out.

    Raises:
        ConfigError: no model can be built from the config, or no recipe can express it.
        MissingExtraError: transformers is not installed.
    """
    check_config(config)
    if not installed():
        raise MissingExtraError
    from tensorseed.checkpoints.derivation.recipe_from_model import weights_of

    weights = weights_of(config)
    return {"id": name or f"local/{config['model_type']}", "config": dict(config), "weights": weights}
