"""Routes of model repositories for Hugging Face clients, and of recipes."""

from __future__ import annotations

from collections.abc import Collection

from ..http.routing import RouteGroup
from . import configs, files, models, recipes, schemas, trees
from .context import has_repository
from .problems import HUB_PROBLEMS, RECIPE_PROBLEMS
from .urls import WHOAMI, hub_pattern

__all__ = ["RECIPES", "has_repository", "repositories"]

_TAG = "hub"
_DESCRIPTION = "Model repositories for clients of the Hugging Face Hub, and recipes."

RECIPES = RouteGroup(
    tag=_TAG,
    description=_DESCRIPTION,
    routers=(recipes.router,),
    scope="weights",
    problems=RECIPE_PROBLEMS,
    models=(schemas.RecipeSummary, schemas.RecipeDetail, schemas.RecipePlan, configs.PlannedConfig),
    types=lambda: {"ModelConfig": configs.AnyConfig},
    heirs=lambda: (schemas.RecipeSummary, schemas.RecipeDetail),
)


def repositories(reserved: Collection[str]) -> RouteGroup:
    """The routes of repositories. No id begins with a `reserved` segment."""
    return RouteGroup(
        tag=_TAG,
        description=_DESCRIPTION,
        routers=(models.router, trees.router, files.make_router(reserved)),
        scope="weights",
        unscoped=frozenset({WHOAMI}),
        problems=HUB_PROBLEMS,
        models=(
            schemas.ListedModel,
            schemas.ModelInfo,
            schemas.TreeEntry,
            schemas.PathsRequest,
            schemas.Refs,
            schemas.Commit,
            schemas.ShardHeaders,
            schemas.RepositoryAccess,
            schemas.Whoami,
            schemas.HubError,
        ),
        heirs=lambda: (schemas.ListedModel, schemas.ModelInfo),
        pattern=hub_pattern(reserved),
    )
