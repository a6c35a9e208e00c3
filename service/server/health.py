"""For whoever runs the service: is it alive, and is it ready?"""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ..http.errors import NotReadyError
from ..http.negotiation import JSON
from ..http.problems import documented
from ..http.routing import readable
from ..http.schemas import Health, Readiness

router = APIRouter(tags=["operations"])

_UNCACHED = {"Cache-Control": "no-store"}


@readable(router, "/healthz", "Health", model=Health)
async def health(_: Request) -> Response:
    """Whether the process lives. It says so even while it is not ready to serve."""
    return Response(orjson.dumps({"status": "ok"}), headers=_UNCACHED, media_type=JSON)


@readable(router, "/readyz", "Readiness", model=Readiness, errors=documented(NotReadyError))
async def readiness(request: Request) -> Response:
    """Whether requests are answered now: the worker has started and is not closing.

    A failed device does not make the service unready, since the CPU computes everything that it did; the
    answer names it, so that whoever runs the service can restart it.
    """
    state = request.app.state
    if not state.lifecycle.ready:
        raise NotReadyError("the service is starting or stopping: ask again shortly", {"Retry-After": "1"})
    failed = [{"name": device.name, "detail": device.fault} for device in state.worker.failed_devices()]
    answer = {"status": "ready", "failed_devices": failed}
    return Response(orjson.dumps(answer), headers=_UNCACHED, media_type=JSON)
