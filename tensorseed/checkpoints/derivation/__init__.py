"""Recipes from a config alone: the model is built by transformers on tensors without data, and watched.

`docs/recipes.md` tells how. Nothing here imports torch or transformers before the first derivation.
"""

from __future__ import annotations

from tensorseed.checkpoints.derivation.child import Child
from tensorseed.checkpoints.derivation.derivations import Derivations
from tensorseed.checkpoints.derivation.deriving import derive
from tensorseed.checkpoints.derivation.errors import ConfigError, DerivationTimeError, MissingExtraError

__all__ = ["Child", "ConfigError", "DerivationTimeError", "Derivations", "MissingExtraError", "derive"]
