"""Health and readiness of the process."""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from ..http.errors import NotReadyError
from ..http.negotiation import JSON
from ..http.problems import COMMON
from ..http.routing import RouteGroup, get_and_head
from ..http.schemas import Described

router = APIRouter(tags=["operations"])

_UNCACHED = {"Cache-Control": "no-store"}


class FailedDevice(Described):
    """A device that was taken out of service."""

    name: str = Field(description="What `device` calls it.", examples=["cuda:0"])
    detail: str = Field(
        description="What happened and what to do.",
        examples=["cuda:0 failed and computes nothing before the service is restarted: use device auto"],
    )


class Health(Described):
    """The state of the process."""

    status: str = Field(description='"ok" while the process lives, "ready" when it serves.', examples=["ok"])


class Readiness(Health):
    """Whether the process serves, and what of it does not."""

    failed_devices: list[FailedDevice] = Field(
        description="Devices that failed since the start. All others serve, the CPU always.", examples=[[]]
    )


@get_and_head(router, "/healthz", "Health", model=Health)
async def health(_: Request) -> Response:
    """Whether the process lives. It says so even while it is not ready to serve."""
    return Response(orjson.dumps({"status": "ok"}), headers=_UNCACHED, media_type=JSON)


@get_and_head(router, "/readyz", "Readiness", model=Readiness, errors=COMMON.documented(NotReadyError))
async def readiness(request: Request) -> Response:
    """Whether requests are answered now: the worker has started and is not closing.

    A failed device does not make the service unready, since the CPU computes everything that it did; the
    answer names it, so that whoever runs the service can restart it.
    """
    state = request.app.state
    if not state.shutdown.ready:
        raise NotReadyError("the service is starting or stopping: ask again shortly", {"Retry-After": "1"})
    failed = [{"name": device.name, "detail": device.fault} for device in state.worker.failed_devices()]
    answer = {"status": "ready", "failed_devices": failed}
    return Response(orjson.dumps(answer), headers=_UNCACHED, media_type=JSON)


OPERATIONS = RouteGroup(
    tag="operations",
    description="For whoever runs the service.",
    routers=(router,),
    is_public=True,
    models=(Health, Readiness),
)
