"""Errors of the derivation of recipes.

TensorseedError
├── SpecError
│   └── ConfigError         a config that no recipe can be derived from; says where
├── MissingExtraError       the library that builds the model is not installed
└── DerivationTimeError     the model took longer to build than a derivation may
"""

from __future__ import annotations

from tensorseed.errors import SpecError, TensorseedError


class ConfigError(SpecError):
    """A config that is not valid, or whose model no recipe can express.

    A pointer leads to the field. A fault of one tensor points at the whole config and names the tensor.
    """

    what = "the config"


class MissingExtraError(TensorseedError):
    """A derivation where the library that builds the model is missing. The message says how to install it."""

    def __init__(self, library: str = "transformers") -> None:
        remedy = f"pip install 'tensorseed[{library}]'"
        super().__init__(f"a recipe is derived from a config by {library}, which is missing: {remedy}")


class DerivationTimeError(TensorseedError):
    """A derivation that took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"building the model took longer than the {seconds:g} s that a derivation may take: derive it "
            "with fewer layers, or with tensorseed recipe on a machine of your own"
        )
