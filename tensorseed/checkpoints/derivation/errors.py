"""What can go wrong while a recipe is derived from a config.

TensorseedError
├── SpecError
│   └── ConfigError           the config is not valid, or its model cannot be expressed; says where
└── HubError
    ├── MissingExtraError     transformers is not installed
    └── DerivationTimeError   the model took longer to build than a derivation may
"""

from __future__ import annotations

from tensorseed.checkpoints.errors import HubError
from tensorseed.errors import SpecError

REMEDY = "pip install 'tensorseed[transformers]'"


class ConfigError(SpecError):
    """The config is not valid, or describes a model that no recipe can express. A pointer leads to the field;
    what concerns a tensor alone points at the whole config and names the tensor.
    """

    what = "the config"


class MissingExtraError(HubError):
    """A derivation where transformers is not installed. The message says how to install it."""

    def __init__(self) -> None:
        super().__init__(f"a recipe is derived from a config by transformers, which is missing: {REMEDY}")


class DerivationTimeError(HubError):
    """A derivation that took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"building the model took longer than the {seconds:g} s that a derivation may take: derive it "
            "with fewer layers, or with tensorseed recipe on a machine of your own"
        )
