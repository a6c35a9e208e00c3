"""Routes of weights: files, plans and digests; catalogue and devices."""

from __future__ import annotations

from tensorseed.spec.spec import Spec

from ..http.routing import RouteGroup
from . import catalog, digests, routes
from .catalog import CatalogLayer, CatalogScheme, Devices
from .schemas import JsonFile, Plan

WEIGHTS = RouteGroup(
    tag="weights",
    description="Files of initialised tensors.",
    routers=(routes.router, digests.router),
    scope="weights",
    problems=routes.PROBLEMS,
    models=(Spec, Plan, digests.Digest, JsonFile),
)
CATALOG = RouteGroup(
    tag="catalog",
    description="The members of a spec, and the devices that compute it.",
    routers=(catalog.router,),
    models=(CatalogScheme, CatalogLayer, Devices),
)
