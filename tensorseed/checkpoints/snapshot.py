"""Snapshot of a repository at a revision: files by path, and folders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from tensorseed.checkpoints.errors import UnknownEntryError
from tensorseed.checkpoints.model_facts import family
from tensorseed.checkpoints.recipe import Recipe
from tensorseed.checkpoints.repo_files import RepoFile, WeightsFile
from tensorseed.checkpoints.revision import Revision
from tensorseed.errors import shortened


class Folder(NamedTuple):
    """A folder, and 40 hexadecimal digits that identify what it holds."""

    path: str
    oid: str


@dataclass(frozen=True)
class Snapshot:
    """A repository at one commit. `parameters` counts elements by safetensors' code of their dtype."""

    recipe: Recipe
    revision: Revision
    commit: str
    files: tuple[RepoFile, ...]  # sorted by path
    parameters: dict[str, int]
    nbytes: int  # of memory, roughly, once all files are open

    @property
    def total(self) -> int:
        """The elements of all tensors."""
        return sum(self.parameters.values())

    def summary(self) -> dict[str, Any]:
        """The totals of the repository, as lists of recipes have them."""
        recipe = self.recipe
        return {
            "id": recipe.id,
            "aliases": recipe.aliases,
            "description": recipe.description,
            "family": family(recipe),
            "dtype": ", ".join(recipe.dtypes),
            "parameters": self.total,
            "size": sum(file.size for file in self.files if isinstance(file, WeightsFile)),
            "files": len(self.files),
        }

    @cached_property
    def _by_path(self) -> dict[str, RepoFile]:
        return {file.path: file for file in self.files}

    def file(self, path: str) -> RepoFile:
        """The file at `path`.

        Raises:
            UnknownEntryError: the revision has no such entry.
        """
        try:
            return self._by_path[path]
        except KeyError:
            raise self._unknown("file", path) from None

    def within(self, folder: str, *, recursive: bool = False) -> list[RepoFile | Folder]:
        """The entries of `folder`, sorted by path; with `recursive` those of its folders too. The top is "".

        Raises:
            UnknownEntryError: the revision has no such entry.
        """
        prefix = f"{folder}/" if folder else ""
        inside = [file for file in self.files if file.path.startswith(prefix)]
        if not inside and folder:
            raise self._unknown("folder", folder)
        folders = {path: _folder(path, inside) for file in inside for path in _folders(file.path, prefix)}
        found: list[RepoFile | Folder] = [*inside, *folders.values()]
        return sorted(
            (entry for entry in found if recursive or "/" not in entry.path[len(prefix) :]),
            key=lambda entry: entry.path,
        )

    def _unknown(self, kind: str, path: str) -> UnknownEntryError:
        name = self.recipe.id
        return UnknownEntryError(f"{name} has no {kind} {shortened(path)!r} at {self.revision.name}")


def _folders(path: str, prefix: str) -> Iterable[str]:
    """The folders between `prefix` and the file at `path`."""
    parts = path[len(prefix) :].split("/")[:-1]
    return [prefix + "/".join(parts[: depth + 1]) for depth in range(len(parts))]


def _folder(path: str, files: Iterable[RepoFile]) -> Folder:
    listed = "".join(f"{file.path} {file.oid}\n" for file in files if file.path.startswith(f"{path}/"))
    return Folder(path, hashlib.sha256(f"tensorseed folder\n{listed}".encode()).hexdigest()[:40])
