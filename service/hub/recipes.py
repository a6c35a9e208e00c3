"""Recipes: their list, one of them, and the recipe of a config."""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.checkpoints.derivation import Derivation
from tensorseed.checkpoints.derivation.errors import ConfigError, DerivationTimeError, MissingExtraError
from tensorseed.checkpoints.derivation.process import MAX_CONFIG_BYTES
from tensorseed.checkpoints.errors import RecipeError, UnknownRepositoryError
from tensorseed.checkpoints.recipe import read_recipe
from tensorseed.checkpoints.set_layouts import plan_layouts
from tensorseed.checkpoints.tokenizers import tokenizer_warnings
from tensorseed.errors import SpecError, TooLargeError
from tensorseed.spec.limits import Limits

from ..http.bodies import read_json
from ..http.disconnect import cancel_on_disconnect
from ..http.errors import BusyError, MalformedRequestError, MediaTypeError
from ..http.memory import MemoryLease, lease_of
from ..http.negotiation import JSON
from ..http.openapi import json_answer, json_list_answer
from ..http.queries import check_path
from ..http.routing import get_and_head
from ..http.texts import complete_text
from .configs import plan_body
from .context import HubContext
from .openapi import in_path
from .problems import RECIPE_PROBLEMS
from .schemas import RecipeDetail, RecipePlan, RecipeSummary
from .urls import MAIN

router = APIRouter(prefix="/v1/recipes", tags=["hub"])

_SHORTER = "send a config.json and nothing else"
_UNSTORED = {"Cache-Control": "no-store"}
_DERIVED = (ConfigError, MissingExtraError, DerivationTimeError, RecipeError)
_BODY = (SpecError, TooLargeError, MediaTypeError, MalformedRequestError, BusyError)


@get_and_head(router, "", "Recipes", responses=json_list_answer(RecipeSummary, "The recipes"))
async def get_recipes(request: Request) -> Response:
    """The recipes and their totals, by id. Their repositories are served to clients of the Hub."""
    return await cancel_on_disconnect(request.receive, _recipes(request))


@router.post(
    "/plan",
    operation_id="planRecipe",
    summary="The recipe of a config",
    response_class=Response,
    responses=json_answer(RecipePlan, "The recipe and its totals")
    | RECIPE_PROBLEMS.documented(*_DERIVED, *_BODY),
    openapi_extra=plan_body(),
)
async def plan_recipe(request: Request) -> Response:
    """The recipe of the model that a `config.json` describes, and the totals of its repository.

    The model is built without its tensors' data. A pipeline of diffusers is its model index and the configs
    of its components; a LoRA is its adapter_config.json, with a recipe as base. With `overrides`, inits by
    pattern of name, the body is an object of `config` and `overrides`. They fill tensors that no init
    describes, and may replace any other. With `tiny` beside the config it is a small model with a layer of
    each kind. The recipe is not stored: save it into the folder of recipes.
    """
    context = HubContext.of(request)
    with context.deriving.admit():
        config = await read_json(request, MAX_CONFIG_BYTES, _SHORTER)
        return await cancel_on_disconnect(request.receive, _plan(context, config, lease_of(request)))


@get_and_head(
    router,
    "/{repository:recipe}",
    "Recipe",
    model=RecipeDetail,
    errors=RECIPE_PROBLEMS.documented(UnknownRepositoryError, RecipeError, TooLargeError),
    parameters=in_path("repository"),
)
async def get_recipe(request: Request) -> Response:
    """A recipe, and the files of its repository at `main`."""
    return await cancel_on_disconnect(request.receive, _recipe(request))


async def _plan(context: HubContext, config: bytes, lease: MemoryLease) -> Response:
    derived = await context.derivations.derive_json(config, context.library.base)
    limits, shard_bytes = context.limits, context.settings.shard_bytes
    return complete_text(
        await context.worker.run(_planned, derived, limits, shard_bytes, lease), lease, _UNSTORED
    )


def _planned(derived: Derivation, limits: Limits, shard_bytes: int, lease: MemoryLease) -> bytes:
    """The recipe and its totals as JSON."""
    text = orjson.dumps(derived.recipe)
    with lease.reserving():
        recipe = read_recipe(text, "of this config")
        layout = plan_layouts(recipe, None, limits, shard_bytes)
    planned = {
        "recipe": orjson.Fragment(text),
        "tensors": layout.tensors,
        "parameters": sum(layout.parameters.values()),
        "bytes": layout.data_bytes,
        "shards": layout.shards,
        "warnings": [
            warning._asdict() for warning in (*derived.warnings, *tokenizer_warnings(recipe.config or {}))
        ],
    }
    return orjson.dumps(planned)


async def _recipes(request: Request) -> Response:
    library = HubContext.of(request).library
    rows = [await library.of_list(library.summary, each) for each in await library.repositories()]
    return _json([row for row in rows if row is not None])


async def _recipe(request: Request) -> Response:
    check_path(request)
    library = HubContext.of(request).library
    repository = await library.repository(request.path_params["repository"])
    summary = await library.summary(repository)
    snapshot = await library.listed(await library.snapshot(repository.id, MAIN))
    detail = {
        "commit": snapshot.commit,
        "listing": [{"path": file.path, "size": file.size, "oid": file.oid} for file in snapshot.files],
        "recipe": repository.recipe.model_dump(exclude_defaults=True),
    }
    return _json({**summary, **detail})


def _json(document: object) -> Response:
    return Response(orjson.dumps(document), headers=_UNSTORED, media_type=JSON)
