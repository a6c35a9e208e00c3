"""The application, built from settings. None exists at import."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from starlette.routing import Route

from service.api import catalog, evaluations, losses, operations, weights
from service.api.openapi import install_openapi
from service.api.problems import install_handlers
from service.api.state import State
from service.settings import Settings

DESCRIPTION = """
A weight file is a pure function of its spec: the same spec gives the same bytes on every machine, and any
byte can be read alone. Post a spec, or put it into a query, and get a safetensors file; its entity tag and
its URL name those bytes for good. Errors are problem documents (RFC 9457) whose `type` is stable and whose
`detail` names the remedy.
""".strip()


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application."""
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
    app.state.shared = State(settings)
    for module in (weights, losses, evaluations, catalog, operations):
        app.include_router(module.router)
    install_handlers(app)
    install_openapi(app)
    _answer_head(app)
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
    try:
        yield
    finally:
        state.ready = False
        await state.worker.close()
