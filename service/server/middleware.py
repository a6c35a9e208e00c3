"""Middleware of every request, outermost first.

All of it is plain ASGI, so that streams pass untouched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import Tracer
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ..http.memory import MemoryBudget
from ..http.paths import PlainPaths, RootPath
from ..settings import Settings
from .authentication import Authentication
from .graceful_shutdown import Draining, GracefulShutdown
from .keys import Keyring
from .metrics import Metrics
from .request_memory import RequestMemory
from .request_telemetry import RequestTelemetry
from .response_cache import ResponseCache
from .security_headers import SecurityHeaders
from .shared_caches import SharedCaches

if TYPE_CHECKING:
    from .rate_limits import RateLimits

CORS_METHODS = ("GET", "HEAD", "POST")
CORS_REQUEST_HEADERS = (
    *("Authorization", "Content-Type", "Range", "If-Range", "If-Match", "If-None-Match", "X-Request-ID"),
)
CORS_RESPONSE_HEADERS = (
    *("ETag", "Content-Location", "Content-Disposition", "Content-Range", "Accept-Ranges"),
    *("Retry-After", "WWW-Authenticate", "X-Request-ID"),
    *("Link", "X-Repo-Commit", "X-Error-Code", "X-Error-Message"),
)


def surround(
    app: ASGIApp,
    settings: Settings,
    shutdown: GracefulShutdown,
    metrics: Metrics,
    budget: MemoryBudget,
    keyring: Keyring | None,
    tracer: Tracer | None,
    whole_paths: frozenset[str],
) -> ASGIApp:
    """`app` within the middleware that the settings select.

    `whole_paths` are those of routes without parameters.
    FastAPI's own list stands within its handling of unexpected errors. This one surrounds that too.
    """
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.origins(),
        allow_methods=CORS_METHODS,
        allow_headers=CORS_REQUEST_HEADERS,
        expose_headers=CORS_RESPONSE_HEADERS,
    )
    middleware = [
        *([Middleware(ProxyHeadersMiddleware, settings.proxies())] if settings.proxies() else []),
        *([Middleware(RootPath, settings.root_path)] if settings.root_path else []),
        Middleware(PlainPaths, whole_paths),
        Middleware(RequestTelemetry, metrics, tracer, access_log=settings.access_log),
        *([cors] if settings.origins() else []),
        Middleware(Draining, shutdown),
        *([Middleware(Authentication, keyring, _rate_limits(settings))] if keyring else []),
        Middleware(SecurityHeaders),
        Middleware(RequestMemory, budget),
        *([Middleware(ResponseCache, settings.answer_bytes)] if settings.answer_bytes else []),
        Middleware(SharedCaches, settings.shared_cache_bytes),
    ]
    for cls, args, kwargs in reversed(middleware):
        app = cls(app, *args, **kwargs)
    return app


def _rate_limits(settings: Settings) -> RateLimits | None:
    if not settings.key_requests and not settings.key_bytes:
        return None
    from .rate_limits import RateLimits  # takes a quarter of a second to import

    return RateLimits(settings.key_requests, settings.key_bytes)
