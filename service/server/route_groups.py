"""Groups of routes that the application mounts, and their keys."""

from __future__ import annotations

from .. import evaluations, explorer, hub, losses, weights
from ..http.routing import RouteGroup
from .health import OPERATIONS

METRICS_PATH = "/metrics"
METRICS_SCOPE = "metrics"
DOCUMENTATION_PATHS = ("/docs", "/openapi.json")

_OWN_GROUPS = (
    weights.WEIGHTS,
    losses.LOSSES,
    evaluations.EVALUATIONS,
    weights.CATALOG,
    OPERATIONS,
    hub.RECIPES,
)
_OWN_PATHS = (
    METRICS_PATH,
    *DOCUMENTATION_PATHS,
    explorer.PREFIX,
    *(path for group in _OWN_GROUPS for path in group.prefixes),
)

RESERVED = ("api", *dict.fromkeys(path.split("/")[1] for path in _OWN_PATHS))
"""The first segments of the service's paths, which no repository's id begins with."""

ROUTE_GROUPS: tuple[RouteGroup, ...] = (*_OWN_GROUPS, hub.repositories(RESERVED))

PAGES = explorer.pages(RESERVED, hub.has_repository)
"""The pages for browsers, which need no key."""

SCOPES = (*dict.fromkeys(group.scope for group in ROUTE_GROUPS if group.scope), METRICS_SCOPE)
"""The scopes that a key may have."""


def group_of(path: str) -> RouteGroup | None:
    """The group that a path belongs to, even if no route has it."""
    return next((group for group in ROUTE_GROUPS if group.owns(path)), None)


def needs_key(path: str) -> bool:
    """Whether a service with keys answers a path only to requests with one."""
    group = group_of(path)
    if group is not None:
        return not group.is_public
    return not (PAGES.owns(path) or any(_is_below(path, prefix) for prefix in DOCUMENTATION_PATHS))


def scope_of(path: str) -> str | None:
    """The scope that covers a path; None for a path that every key opens."""
    group = group_of(path)
    if group is not None:
        return group.scope_of(path)
    return METRICS_SCOPE if _is_below(path, METRICS_PATH) else None


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")
