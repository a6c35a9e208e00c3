"""Routes of losses."""

from __future__ import annotations

from ..http.routing import RouteGroup
from . import routes
from .schemas import CatalogLoss, LossAnswer, LossRequest, complete_losses

LOSSES = RouteGroup(
    tag="losses",
    description="Losses of tensors in the body, and their gradients.",
    routers=(routes.router,),
    scope="losses",
    problems=routes.PROBLEMS,
    models=(CatalogLoss, LossRequest, LossAnswer),
    complete=complete_losses,
)
