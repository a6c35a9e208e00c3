"""Specs of a service's recipes by id and revision."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from tensorseed.client.errors import NetworkError, RefusedNameError
from tensorseed.client.http.remote import Remote

RECIPES = "/v1/recipes"

_RECIPE = re.compile(r"[A-Za-z0-9._-]{1,96}(/[A-Za-z0-9._-]{1,96}){0,2}")  # perhaps with a component


async def recipe_spec(remote: Remote, text: str) -> bytes:
    """Return the spec of a recipe of the service, or of one that ships with this library.

    Raises:
        UnknownNameError: neither has it.
        NetworkError: no server answered as it should.
    """
    from tensorseed.checkpoints.revision import parse_revision
    from tensorseed.checkpoints.weight_sets import candidates, component_seed
    from tensorseed.spec.json.values import to_json
    from tensorseed.weights.spec_reading import read_spec

    name, _, revision = text.partition("@")
    found = parse_revision(revision or "main") if _RECIPE.fullmatch(name) else None
    holder: dict[str, Any] | None = None
    for known, folder in candidates(name) if found is not None else ():
        with suppress(RefusedNameError):
            document = await remote.document(f"{RECIPES}/{quote(known)}")
            holder = _holder(document.get("recipe"), folder)
            break
    if found is None or holder is None:
        resolved, _ = await asyncio.to_thread(read_spec, text)
        return resolved.recipe.encode()
    if found.quantization is not None:
        return await asyncio.to_thread(_quantised, document["recipe"], revision, folder)
    weights = holder.get("weights")
    if not isinstance(weights, dict):
        raise NetworkError("the server has a recipe without weights: check the URL, or name a component")
    seed_from = holder.get("seed_from", folder)
    seed = component_seed(found.seed, seed_from if isinstance(seed_from, str) else folder)
    changed = {"seed": str(seed)} | ({} if found.dtype is None else {"dtype": found.dtype})
    return to_json({**weights, **changed})


def _quantised(recipe: Any, revision: str, folder: str) -> bytes:
    """The spec of a recipe of the service at a revision that is quantised."""
    from tensorseed.checkpoints.recipe import MAX_SHARD_BYTES, read_recipe
    from tensorseed.checkpoints.repository import Repository, RepositoryCaches
    from tensorseed.devices.local import LIMITS
    from tensorseed.spec.json.values import to_json

    found = read_recipe(to_json(recipe), "of the service")
    repository = Repository(found, LIMITS, MAX_SHARD_BYTES, RepositoryCaches.of(0))
    return repository.resolved(revision, folder).recipe.encode()


def _holder(recipe: Any, folder: str) -> dict[str, Any]:
    """The part of a recipe that holds the weights of a folder, "" for the top; empty where it has none."""
    for name in ("components", folder) if folder else ():
        recipe = recipe.get(name) if isinstance(recipe, dict) else None
    return recipe if isinstance(recipe, dict) else {}
