"""For whoever runs the service: is it alive, and is it ready?"""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.api.errors import NotReadyError
from service.api.negotiation import JSON
from service.api.problems import documented
from service.api.routes import readable
from service.api.schemas import Health
from service.api.state import state_of

router = APIRouter(tags=["operations"])

_UNCACHED = {"Cache-Control": "no-store"}


@readable(router, "/healthz", "Health", model=Health)
async def health(_: Request) -> Response:
    """Whether the process lives. It says so even while it is not ready to serve."""
    return Response(orjson.dumps({"status": "ok"}), headers=_UNCACHED, media_type=JSON)


@readable(router, "/readyz", "Readiness", model=Health, errors=documented(NotReadyError))
async def readiness(request: Request) -> Response:
    """Whether requests are answered now: the worker has started and is not closing."""
    if not state_of(request).ready:
        raise NotReadyError("the service is starting or stopping: ask again shortly", {"Retry-After": "1"})
    return Response(orjson.dumps({"status": "ready"}), headers=_UNCACHED, media_type=JSON)
