"""Specs of a service's recipes by id and revision."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import quote

from tensorseed.client.errors import NetworkError, RefusedNameError
from tensorseed.client.http.remote import Remote
from tensorseed.errors import UnknownNameError

RECIPES = "/v1/recipes"

_RECIPE = re.compile(r"[A-Za-z0-9._-]{1,96}(/[A-Za-z0-9._-]{1,96}){0,2}")  # perhaps with a component


async def recipe_spec(remote: Remote, text: str, *, of_library: bool) -> bytes:
    """Return the spec of a recipe of the service, or with `of_library` of one that ships with this library.

    Raises:
        UnknownNameError: neither has it, or it has no such revision.
        NetworkError: no server answered as it should.
    """
    from tensorseed.checkpoints.revision import parse_revision
    from tensorseed.checkpoints.weight_sets import candidates, component_seed
    from tensorseed.spec.json.values import to_json
    from tensorseed.weights.spec_reading import read_spec

    name, _, revision = text.partition("@")
    holder: dict[str, Any] | None = None
    unknown: RefusedNameError | None = None
    for known, folder in candidates(name) if _RECIPE.fullmatch(name) else ():
        try:
            document = await remote.document(f"{RECIPES}/{quote(known)}")
        except RefusedNameError as error:
            unknown = unknown or error
            continue
        holder = _holder(document.get("recipe"), folder)
        break
    if holder is None:
        if unknown is not None and not of_library:
            raise unknown
        resolved, _ = await asyncio.to_thread(read_spec, text)
        return resolved.recipe.encode()
    found = parse_revision(revision or "main")
    if found is None or found.quantization is not None:
        return await asyncio.to_thread(_at_revision, document.get("recipe"), revision, folder)
    weights = holder.get("weights")
    if not isinstance(weights, dict):
        raise NetworkError("the server has a recipe without weights: check the URL, or name a component")
    seed_from = holder.get("seed_from", folder)
    seed = component_seed(found.seed, seed_from if isinstance(seed_from, str) else folder)
    changed = {"seed": str(seed)} | ({} if found.dtype is None else {"dtype": found.dtype})
    return to_json({**weights, **changed})


def _at_revision(recipe: Any, revision: str, folder: str) -> bytes:
    """The spec of a recipe of the service at a revision that is quantised, or named by its commit.

    Raises:
        UnknownNameError: the recipe has no such revision.
        NetworkError: the recipe is not valid.
    """
    from tensorseed.checkpoints.errors import RecipeError, UnknownEntryError, UnknownRevisionError
    from tensorseed.checkpoints.recipe import MAX_SHARD_BYTES, read_recipe
    from tensorseed.checkpoints.repository import Repository, RepositoryCaches
    from tensorseed.devices.local import LIMITS
    from tensorseed.spec.json.values import to_json

    try:
        found = read_recipe(to_json(recipe), "of the service")
        repository = Repository(found, LIMITS, MAX_SHARD_BYTES, RepositoryCaches.of(0))
        return repository.resolved(revision, folder).recipe.encode()
    except (UnknownEntryError, UnknownRevisionError) as error:
        raise UnknownNameError(str(error)) from None
    except RecipeError as error:
        raise NetworkError(f"{error}: check the URL") from None


def _holder(recipe: Any, folder: str) -> dict[str, Any]:
    """The part of a recipe that holds the weights of a folder, "" for the top; empty where it has none."""
    for name in ("components", folder) if folder else ():
        recipe = recipe.get(name) if isinstance(recipe, dict) else None
    return recipe if isinstance(recipe, dict) else {}
