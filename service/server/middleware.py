"""What surrounds every request, from the outside in. Plain ASGI, so that streams pass untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from ..http.state import State
from ..settings import Settings
from .authentication import Access
from .draining import Draining
from .keys import Keyring
from .metrics import Metrics
from .request_metrics import Observed
from .response_cache import Remembered
from .security_headers import Hardening

if TYPE_CHECKING:
    from .rate_limits import Budgets

CORS_METHODS = ("GET", "HEAD", "POST")
CORS_REQUEST = (
    *("Authorization", "Content-Type", "Range", "If-Range", "If-Match", "If-None-Match", "X-Request-ID"),
)
CORS_ANSWER = (
    *("ETag", "Content-Location", "Content-Disposition", "Content-Range", "Accept-Ranges"),
    *("Retry-After", "WWW-Authenticate", "X-Request-ID"),
    *("Link", "X-Repo-Commit", "X-Error-Code", "X-Error-Message"),
)


def install_middleware(
    app: FastAPI, settings: Settings, state: State, metrics: Metrics, keyring: Keyring | None
) -> None:
    """Surround `app`, its handling of unexpected errors included, which the framework's own list does not."""
    build = app.build_middleware_stack

    def surrounded() -> ASGIApp:
        return surround(build(), settings, state, metrics, keyring)

    app.build_middleware_stack = surrounded  # type: ignore[method-assign]


def surround(
    app: ASGIApp, settings: Settings, state: State, metrics: Metrics, keyring: Keyring | None
) -> ASGIApp:
    """`app`, observed, hardened, and open to those alone who may ask."""
    if settings.answer_bytes:
        app = Remembered(app, settings.answer_bytes)
    app = Hardening(app)
    if keyring is not None:
        app = Access(app, keyring, _budgets(settings))
    app = Draining(app, state)
    if settings.origins():
        app = CORSMiddleware(
            app,
            allow_origins=settings.origins(),
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST,
            expose_headers=CORS_ANSWER,
        )
    return Observed(app, metrics, access_log=settings.access_log)


def _budgets(settings: Settings) -> Budgets | None:
    if not settings.key_requests and not settings.key_bytes:
        return None
    from .rate_limits import (
        Budgets,  # takes half a second to import, for those alone who use it
    )

    return Budgets(settings.key_requests, settings.key_bytes)
