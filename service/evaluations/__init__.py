"""Routes of evaluations."""

from __future__ import annotations

from ..http.routing import RouteGroup
from . import routes
from .schemas import evaluation_heirs, evaluation_schemas, evaluation_types

EVALUATIONS = RouteGroup(
    tag="evaluations",
    description="The effects of an initialisation on a network.",
    routers=(routes.router,),
    scope="evaluations",
    problems=routes.PROBLEMS,
    schemas=evaluation_schemas,
    types=evaluation_types,
    names={
        "Threshold": "ThresholdModule",  # has a member of its name
        "OptionsBase": "TransformerBase",
    },
    heirs=evaluation_heirs,
)
