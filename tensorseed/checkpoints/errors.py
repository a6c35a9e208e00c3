"""Errors of model repositories.

TensorseedError
└── CheckpointError
    ├── UnknownRepositoryError   no recipe has this id
    ├── UnknownRevisionError     the repository has no such revision, or no longer
    ├── UnknownEntryError        the revision has no such file or folder
    └── RecipeError              a recipe that cannot be served; says where and why
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorseed.errors import Fault, TensorseedError


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
