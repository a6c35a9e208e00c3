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

    name: str = Field(description="Its name in `device`.", examples=["cuda:0"])
    detail: str = Field(
        description="The fault and its remedy.",
        examples=["cuda:0 failed and computes nothing before the service is restarted: use device auto"],
    )


class Health(Described):
    """The state of the process."""

    status: str = Field(description='"ok" while the process lives, "ready" when it serves.', examples=["ok"])


class Readiness(Health):
    """Readiness of the process, and its failed devices."""

    failed_devices: list[FailedDevice] = Field(
        description="Devices that failed since the start. All others serve, the CPU always.", examples=[[]]
    )


@get_and_head(router, "/healthz", "Health", model=Health)
async def health(_: Request) -> Response:
    """Whether the process lives, ready or not."""
    return Response(orjson.dumps({"status": "ok"}), headers=_UNCACHED, media_type=JSON)


@get_and_head(router, "/readyz", "Readiness", model=Readiness, errors=COMMON.documented(NotReadyError))
async def readiness(request: Request) -> Response:
    """Whether requests are answered now: the worker has started and is not closing.

    A failed device does not make the service unready, since the CPU computes all that it did. The answer
    names it, so that the operator can restart the service.
    """
    state = request.app.state
    if not state.shutdown.ready:
        raise NotReadyError("the service is starting or stopping: ask again shortly", {"Retry-After": "1"})
    failed = [{"name": device.name, "detail": device.fault} for device in state.worker.failed_devices()]
    answer = {"status": "ready", "failed_devices": failed}
    return Response(orjson.dumps(answer), headers=_UNCACHED, media_type=JSON)


OPERATIONS = RouteGroup(
    tag="operations",
    description="For the operator of the service.",
    routers=(router,),
    is_public=True,
    models=(Health, Readiness),
)
