"""What there is: schemes, layer types and devices."""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.api.negotiation import JSON
from service.api.presence import while_present
from service.api.routes import many, readable
from service.api.schemas import CatalogLayer, CatalogScheme, Devices
from service.api.state import state_of
from service.core.catalog import layers_catalog, schemes_catalog

router = APIRouter(prefix="/v1", tags=["catalog"])


@readable(router, "/schemes", "Schemes", responses=many(CatalogScheme, "The schemes"))
async def schemes(_: Request) -> Response:
    """The init schemes: formula, source and parameters of each."""
    return Response(orjson.dumps(schemes_catalog()), media_type=JSON)


@readable(router, "/layers", "Layers", responses=many(CatalogLayer, "The layer types"))
async def layers(_: Request) -> Response:
    """The layer types: arguments and tensors of each."""
    return Response(orjson.dumps(layers_catalog()), media_type=JSON)


@readable(router, "/devices", "Devices", model=Devices)
async def devices(request: Request) -> Response:
    """The devices of this host that a spec may name."""
    worker = state_of(request).worker
    found = await while_present(request, worker.run(worker.devices))  # the first look at CUDA takes seconds
    return Response(orjson.dumps({"devices": found}), media_type=JSON)
