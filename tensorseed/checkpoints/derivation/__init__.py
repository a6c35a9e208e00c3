"""Derivation of a recipe from a config alone.

transformers builds the model on tensors without data, and a recorder notes how each is filled;
`docs/recipes.md` explains it. Nothing here imports torch or transformers before the first derivation.
"""

from __future__ import annotations

from tensorseed.checkpoints.derivation.from_config import Derivation, derivation_of, derive
from tensorseed.checkpoints.derivation.process import DerivationProcess

__all__ = ["Derivation", "DerivationProcess", "derivation_of", "derive"]
