"""Library of the recipes of some folders, as repositories by id.

Folders are read at the start and again when they change.
"""

from __future__ import annotations

import atexit
import difflib
import logging
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib import resources
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from tensorseed.checkpoints.derivation import DerivationProcess
from tensorseed.checkpoints.derivation.process import MEMORY_BYTES
from tensorseed.checkpoints.errors import RecipeError, UnknownRepositoryError
from tensorseed.checkpoints.names import name_faults, names_in_any_case
from tensorseed.checkpoints.recipe import MAX_RECIPE_BYTES, read_recipe
from tensorseed.checkpoints.repository import Repository, RepositoryCaches
from tensorseed.errors import shortened
from tensorseed.spec.limits import Limits
from tensorseed.suggestions import MAX_COMPARED_CHARS

_log = logging.getLogger(__name__)


class Signature(NamedTuple):
    """Status of a file, which differs once the file has changed."""

    modified: int  # nanoseconds, which a writer may set back
    changed: int  # nanoseconds, which no program can set
    size: int
    inode: int


class _Outcome(NamedTuple):
    """Result of reading a file, and the file's status then."""

    signature: Signature
    result: Repository | RecipeError


class Library:
    """The repositories of the recipes in some folders; of one id the last folder's counts."""

    def __init__(
        self,
        folders: Sequence[Path],
        limits: Limits,
        shard_bytes: int,
        *,
        cache_tensors: int = 300_000,
        recipe_seconds: float = 60.0,
        recipe_bytes: int = MEMORY_BYTES,
        aliases: bool = True,
    ) -> None:
        """Read every `*.json` of the folders. `cache_tensors` bounds the memory of the caches,
        `recipe_seconds` the time to derive the weights of a recipe that has none, and `recipe_bytes` the
        memory. Without `aliases` the repositories have their ids alone.

        The weights of shipped recipes are taken as valid until the first request.

        Raises:
            RecipeError: a folder cannot be read, a recipe is not valid, or one folder has an id or an alias
                twice.
        """
        self._folders = tuple(folders)
        self._limits = limits
        self._shard_bytes = shard_bytes
        self._caches = RepositoryCaches.of(cache_tensors)
        self._derivations = DerivationProcess(recipe_seconds, recipe_bytes)
        self._lock = threading.Lock()
        self._outcomes: dict[Path, _Outcome] = {}
        self._served: dict[Path, Repository] = {}
        self._warned: set[str] = set()
        self._has_aliases = aliases
        self._by_id: dict[str, Repository] = {}
        self._by_name: dict[str, Repository] = {}
        with self._lock:
            for error in self._update():
                raise error

    def ids(self) -> list[str]:
        """The ids of all repositories, sorted."""
        return sorted(self._by_id)

    def __contains__(self, name: str) -> bool:
        """Whether a repository has this id or alias."""
        return self._found(name) is not None

    def _found(self, name: str) -> Repository | None:
        return self._by_id.get(name) or self._by_name.get(name.lower())

    def repository(self, name: str) -> Repository:
        """The repository of this id or alias, letter by letter or else in any case.

        Raises:
            UnknownRepositoryError: no recipe has this id.
        """
        found = self._found(name)
        if found is None:
            raise UnknownRepositoryError(
                f"there is no repository {shortened(name)!r}: GET /v1/recipes lists those there are"
            )
        return found

    def nearest(self, name: str) -> str | None:
        """The id that is spelled most like an unknown one, of any owner; None where none is near."""
        ids = {known.rpartition("/")[2]: known for known in self.ids()}
        near = difflib.get_close_matches(name[:MAX_COMPARED_CHARS].rpartition("/")[2].lower(), ids, n=1)
        return ids[near[0]] if near else None

    def is_shipped(self, repository: Repository) -> bool:
        """Whether a repository is of a recipe of the package, all of whose texts can be made."""
        return any(known is repository for path, known in self._served.items() if path.parent == shipped())

    def refresh(self) -> None:
        """Read changed files. A file that cannot be read is logged once, and the old recipe stays.

        It costs a look at each file. While another thread is at it, this one returns at once.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            messages = {str(error) for error in self._update()}
            for message in sorted(messages - self._warned):
                _log.warning("%s", message)
            self._warned = messages
        finally:
            self._lock.release()

    def _update(self) -> list[RecipeError]:
        """Read what has changed, and say what could not be."""
        errors: list[RecipeError] = []
        before, self._outcomes = self._outcomes, {}
        served: dict[Path, Repository] = {}
        by_id: dict[str, Repository] = {}
        try:
            for folder in self._folders:
                found = self._folder(folder, before, errors, by_id)
                served |= found
                by_id |= {repository.id: repository for repository in found.values()}
        finally:
            self._derivations.close()
        self._served, self._by_id, self._by_name = served, by_id, names_in_any_case(by_id.values())
        return errors

    def _folder(
        self,
        folder: Path,
        before: Mapping[Path, _Outcome],
        errors: list[RecipeError],
        others: Mapping[str, Repository],
    ) -> dict[Path, Repository]:
        """The recipes of a folder as they are now, or as they were where they are at fault.

        No alias is an id of `others`, the repositories of earlier folders.
        """
        try:
            paths = sorted(path for path in folder.iterdir() if _is_recipe(path))
        except OSError as error:
            errors.append(RecipeError(f"the folder of recipes {folder} cannot be read: {_reason(error)}"))
            return {path: known for path, known in self._served.items() if path.parent == folder}
        found: dict[Path, Repository] = {}
        results = {path: self._read(path, before.get(path)) for path in paths}
        for path, result in {**results, **name_faults(results, others)}.items():
            if isinstance(result, RecipeError):
                errors.append(result)
                result = self._served.get(path)
            if result is not None:
                found[path] = result
        return found

    def _read(self, path: Path, before: _Outcome | None) -> Repository | RecipeError | None:
        """The result of reading a file, or the last one of an unchanged file; None where it is gone."""
        try:
            status = path.stat()
            if not S_ISREG(status.st_mode):
                return RecipeError(f"the recipe {path} cannot be read: it is no regular file")
            signature = Signature(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            unchanged = before is not None and before.signature == signature
            result = before.result if before and unchanged else self._opened(path, signature.size)
        except FileNotFoundError:
            return None
        except OSError as error:
            return RecipeError(f"the recipe {path} cannot be read: {_reason(error)}")
        self._outcomes[path] = _Outcome(signature, result)
        return result

    def _opened(self, path: Path, size: int) -> Repository | RecipeError:
        if size > MAX_RECIPE_BYTES:
            return RecipeError(
                f"the recipe {path} has more than {MAX_RECIPE_BYTES:,} bytes: shorten its files"
            )
        try:
            recipe = read_recipe(path.read_bytes(), str(path), partial(self._derived, path))
            if not self._has_aliases:
                recipe = recipe.model_copy(update={"aliases": []})
            repository = Repository(recipe, self._limits, self._shard_bytes, self._caches)
            if path.parent != shipped():
                repository.check(str(path))
        except RecipeError as error:
            return error
        return repository

    def _derived(self, path: Path, config: Mapping[str, Any]) -> dict[str, Any]:
        """The recipe of a config; what is passed over is logged once for each reading."""
        recipe, warnings = self._derivations.derive(config)
        for warning in warnings:
            _log.warning("the recipe %s, /config%s: %s", path, warning.pointer, warning.detail)
        return recipe


@cache
def shipped() -> Path:
    """The folder of the recipes that are part of the package, copied out of it where it is a zip archive."""
    folder = resources.files(__package__) / "recipes"
    if isinstance(folder, Path):
        return folder
    copies = Path(tempfile.mkdtemp(prefix="tensorseed-recipes-"))
    atexit.register(shutil.rmtree, copies, ignore_errors=True)
    for file in folder.iterdir():
        (copies / file.name).write_bytes(file.read_bytes())
    return copies


def folders(own: Path | None) -> list[Path]:
    """The folders of a library: the shipped recipes, if there are any, and then those of a setting."""
    found = [shipped()] if shipped().is_dir() else []
    if not any(shipped().glob("*.json")):
        _log.warning("the installation has no recipes in %s: install tensorseed again", shipped())
    return found if own is None else [*found, own.expanduser()]


def _is_recipe(path: Path) -> bool:
    return path.suffix == ".json" and not path.name.startswith(".")


def _reason(error: OSError) -> str:
    return error.strerror or "it cannot be opened"
