"""Names of repositories: ids and aliases, each of one repository.

An id is found letter by letter, or else in any case, as on the Hub. An alias is found in any case. Ids count
before aliases, and those of later folders before those of earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tensorseed.checkpoints.errors import RecipeError
from tensorseed.checkpoints.repository import Repository

Result = Repository | RecipeError | None


def names_in_any_case(repositories: Iterable[Repository]) -> dict[str, Repository]:
    """The repositories by ids and aliases in lower case, later ones before earlier ones.

    Ids that differ in case alone are left out: each is found letter by letter.
    """
    found: dict[str, Repository] = {}
    ids: dict[str, list[Repository]] = {}
    for repository in repositories:
        found |= {alias.lower(): repository for alias in repository.recipe.aliases}
        ids.setdefault(repository.id.lower(), []).append(repository)
    for name, named in ids.items():
        found.pop(name, None)
        if len(named) == 1:
            found[name] = named[0]
    return found


def name_faults(results: Mapping[Path, Result], others: Mapping[str, Repository]) -> dict[Path, RecipeError]:
    """The faults of the recipes of a folder whose names another one has, by file.

    Ids of one folder differ. Its aliases are neither ids nor aliases of it, nor ids of `others`. Of two
    recipes the later one is at fault, or the one whose alias is an id.
    """
    found: dict[Path, RecipeError] = {}
    owners: dict[str, Path] = {}
    for path, result in results.items():
        if isinstance(result, Repository) and owners.setdefault(result.id, path) != path:
            detail = f"the recipes {owners[result.id]} and {path} are both called {result.id}: rename one"
            found[path] = RecipeError(detail)
    named = {
        path: result
        for path, result in results.items()
        if path not in found and isinstance(result, Repository)
    }
    ids = {other.id.lower(): f"the id of the recipe {other.id}" for other in others.values()}
    ids |= {result.id.lower(): f"the id of the recipe {path}" for path, result in named.items()}
    aliases: dict[str, str] = {}
    for path, result in named.items():
        for alias in result.recipe.aliases:
            owner = ids.get(alias.lower()) or aliases.get(alias.lower())
            if owner is not None:
                found[path] = RecipeError(
                    f"the recipe {path} has the alias {alias}, which is {owner}: leave it out, or rename one"
                )
        if path not in found:
            aliases |= {alias.lower(): f"an alias of the recipe {path}" for alias in result.recipe.aliases}
    return found
