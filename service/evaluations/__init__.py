"""Routes of evaluations."""

from __future__ import annotations

from ..http.routing import RouteGroup
from . import routes
from .problems import PROBLEMS
from .schemas import evaluation_schemas

EVALUATIONS = RouteGroup(
    tag="evaluations",
    description="What an initialisation does to a network.",
    routers=(routes.router,),
    scope="evaluations",
    problems=PROBLEMS,
    schemas=evaluation_schemas,
)
