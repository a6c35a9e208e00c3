"""Routes of weights: files, plans and digests; catalogue and devices."""

from __future__ import annotations

from tensorseed.spec.schemes import SCHEME_CLASSES
from tensorseed.spec.spec import Spec

from ..http.routing import RouteGroup
from . import catalog, digests, pictures, routes
from .catalog import CatalogLayer, CatalogScheme, DeviceList
from .parameters import complete_weights
from .picture_schemas import TensorHeatMap, TensorHistogram
from .schemas import JsonFile, Plan
from .types import spec_heirs, spec_types

WEIGHTS = RouteGroup(
    tag="weights",
    description="Files of initialised tensors.",
    routers=(pictures.router, routes.router, digests.router),  # the longer paths first
    scope="weights",
    problems=routes.PROBLEMS,
    models=(Spec, Plan, digests.FileDigests, JsonFile, TensorHistogram, TensorHeatMap),
    types=spec_types,
    names={cls.__name__: f"{cls.__name__}Init" for cls in SCHEME_CLASSES},
    catalogs={"Scheme": "/v1/schemes", "Layer": "/v1/layers"},
    heirs=spec_heirs,
    complete=complete_weights,
)
CATALOG = RouteGroup(
    tag="catalog",
    description="The members of a spec, and the devices that compute it.",
    routers=(catalog.router,),
    models=(CatalogScheme, CatalogLayer, DeviceList),
)
