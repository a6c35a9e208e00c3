"""Errors of model repositories and of the derivation of recipes.

TensorseedError
├── SpecError
│   └── ConfigError              a config that no recipe can be derived from; says where
└── CheckpointError
    ├── UnknownRepositoryError   no recipe has this id
    ├── UnknownRevisionError     the repository has no such revision, or no longer
    ├── UnknownEntryError        the revision has no such file or folder
    ├── RecipeError              a recipe that cannot be served; says where and why
    ├── MissingExtraError        transformers is not installed
    └── DerivationTimeError      the model took longer to build than a derivation may
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorseed.errors import Fault, SpecError, TensorseedError

REMEDY = "pip install 'tensorseed[transformers]'"


class CheckpointError(TensorseedError):
    """Base of the errors of model repositories."""


class UnknownRepositoryError(CheckpointError):
    """An id that no recipe has."""


class UnknownRevisionError(CheckpointError):
    """A revision that the repository does not have: no name of one, or a commit of another recipe."""


class UnknownEntryError(CheckpointError):
    """A file or a folder that the revision does not have."""


class RecipeError(CheckpointError):
    """A recipe that cannot be served. The message names the file and the first fault; `faults` has all."""

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        self.faults = list(faults)
        super().__init__(message)

    @classmethod
    def of(cls, source: str, faults: Sequence[Fault]) -> RecipeError:
        """The error of a recipe with faults; `source` says which recipe."""
        first = faults[0]
        where = f" at {first.pointer}" if first.pointer else ""
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        return cls(f"the recipe {source} has a fault{where}: {first.detail}{more}", faults)


class ConfigError(SpecError):
    """A config that is not valid, or whose model no recipe can express.

    A pointer leads to the field. A fault of one tensor points at the whole config and names the tensor.
    """

    what = "the config"


class MissingExtraError(CheckpointError):
    """A derivation where transformers is not installed. The message says how to install it."""

    def __init__(self) -> None:
        super().__init__(f"a recipe is derived from a config by transformers, which is missing: {REMEDY}")


class DerivationTimeError(CheckpointError):
    """A derivation that took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"building the model took longer than the {seconds:g} s that a derivation may take: derive it "
            "with fewer layers, or with tensorseed recipe on a machine of your own"
        )
