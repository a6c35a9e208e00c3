"""The application, built from settings. None exists at import."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from starlette.routing import Route

from service.api import catalog, digests, evaluations, losses, operations, weights
from service.api.keys import load_keys
from service.api.metrics import PATH, Metrics, metrics
from service.api.middleware import install_middleware
from service.api.openapi import install_openapi
from service.api.problems import install_handlers
from service.api.state import State
from service.settings import Settings

REFRESH_SECONDS = 1.0

DESCRIPTION = """
A weight file is a pure function of its spec: the same spec gives the same bytes on every machine, and any
byte can be read alone. Post a spec, or put it into a query, and get a safetensors file; its entity tag and
its URL name those bytes for good. Errors are problem documents (RFC 9457) whose `type` is stable and whose
`detail` names the remedy.
""".strip()


def create_app(settings: Settings, folder: str | None = None) -> FastAPI:
    """The service as an ASGI application. `folder` is where several processes share their metrics.

    Raises KeysFileError.
    """
    keyring = None if settings.keys_file is None else load_keys(settings.keys_file)
    app: FastAPI = FastAPIOffline(
        redoc_url=None,
        static_url="/docs/assets",
        title="tensorseed",
        version=version("tensorseed"),
        summary="Initialised weight tensors over HTTP",
        description=DESCRIPTION,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.metrics = Metrics(folder)
    app.state.shared = State(settings, app.state.metrics)
    if not settings.metrics_port:
        app.add_api_route(PATH, metrics, include_in_schema=False)
    _answer_head(app)
    for module in (weights, digests, losses, evaluations, catalog, operations):
        app.router.routes.extend(module.router.routes)  # one list to look through, rather than a tree
    install_handlers(app)
    install_openapi(app)
    install_middleware(app, settings, app.state.shared, app.state.metrics, keyring)
    return app


def _answer_head(app: FastAPI) -> None:
    """Let the pages of the documentation, which the framework registers for GET alone, answer HEAD."""
    for route in app.routes:
        if isinstance(route, Route | APIRoute) and "GET" in (route.methods or ()):
            route.methods = {*(route.methods or ()), "HEAD"}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The worker lives as long as the application serves."""
    state: State = app.state.shared
    await state.worker.start()
    state.ready = True
    refreshing = asyncio.ensure_future(_refresh(app.state.metrics, state))
    try:
        yield
    finally:
        refreshing.cancel()
        state.ready = False
        await state.worker.close()


async def _refresh(metrics: Metrics, state: State) -> None:
    """Keep up to date what is not counted as it happens, for who asks another process or the other port."""
    while metrics.folder is not None or state.settings.metrics_port:
        metrics.refresh(state)
        await asyncio.sleep(REFRESH_SECONDS)
