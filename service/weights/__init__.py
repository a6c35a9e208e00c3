"""Routes of weights: files, plans and digests; catalogue and devices."""

from __future__ import annotations

from tensorseed.spec.spec import Spec

from ..http.routing import RouteGroup
from . import catalog, digests, pictures, routes
from .catalog import CatalogLayer, CatalogScheme, Devices
from .parameters import complete_weights
from .picture_schemas import TensorHeatMap, TensorHistogram
from .schemas import JsonFile, Plan

WEIGHTS = RouteGroup(
    tag="weights",
    description="Files of initialised tensors.",
    routers=(pictures.router, routes.router, digests.router),  # the longer paths first
    scope="weights",
    problems=routes.PROBLEMS,
    models=(Spec, Plan, digests.Digest, JsonFile, TensorHistogram, TensorHeatMap),
    complete=complete_weights,
)
CATALOG = RouteGroup(
    tag="catalog",
    description="The members of a spec, and the devices that compute it.",
    routers=(catalog.router,),
    models=(CatalogScheme, CatalogLayer, Devices),
)
