"""The catalogue: schemes, layer types and devices."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.devices.base import Device
from tensorseed.spec.catalog.listing import layers_catalog, schemes_catalog

from ..http.disconnect import cancel_on_disconnect
from ..http.negotiation import JSON
from ..http.openapi import json_list_answer
from ..http.routing import get_and_head
from .catalog_schemas import CatalogLayer, CatalogScheme, Devices
from .context import context_of

router = APIRouter(prefix="/v1", tags=["catalog"])

_UNCACHED = {"Cache-Control": "no-store"}  # memory and health change


@cache
def _written(catalog: Callable[[], object]) -> bytes:
    """A catalog as JSON, which never changes while the process lives."""
    return orjson.dumps(catalog())


@get_and_head(router, "/schemes", "Schemes", responses=json_list_answer(CatalogScheme, "The schemes"))
async def schemes(_: Request) -> Response:
    """The init schemes: formula, source and parameters of each."""
    return Response(_written(schemes_catalog), media_type=JSON)


@get_and_head(router, "/layers", "Layers", responses=json_list_answer(CatalogLayer, "The layer types"))
async def layers(_: Request) -> Response:
    """The layer types: formula, source, arguments, tensors with their default inits, and an example."""
    return Response(_written(layers_catalog), media_type=JSON)


@get_and_head(router, "/devices", "Devices", model=Devices)
async def devices(request: Request) -> Response:
    """The devices of this host that compute, with their memory and the work they do."""
    worker = context_of(request).worker  # whose first look at CUDA takes seconds
    rows = await cancel_on_disconnect(
        request.receive, worker.run(lambda: [_row(device) for device in worker.devices()])
    )
    return Response(orjson.dumps({"devices": rows}), headers=_UNCACHED, media_type=JSON)


def _row(device: Device) -> dict[str, object]:
    memory = device.memory()
    return {
        "name": device.name,
        "description": device.description,
        "memory": memory and memory._asdict(),
        "runs": device.runs,
    }
