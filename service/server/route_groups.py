"""The groups of routes that the application mounts: the only list of its domains."""

from __future__ import annotations

from .. import evaluations, hub, losses, weights
from ..http.routing import RouteGroup
from .health import OPERATIONS
from .metrics import PATH as METRICS_PATH

DOCUMENTATION_PATHS = ("/docs", "/openapi.json")

_OWN_GROUPS = (
    weights.WEIGHTS,
    losses.LOSSES,
    evaluations.EVALUATIONS,
    weights.CATALOG,
    OPERATIONS,
    hub.RECIPES,
)
_OWN_PATHS = (METRICS_PATH, *DOCUMENTATION_PATHS, *(path for group in _OWN_GROUPS for path in group.prefixes))

RESERVED = ("api", *dict.fromkeys(path.split("/")[1] for path in _OWN_PATHS))
"""The first segments of the service's paths, which no repository's id begins with."""

ROUTE_GROUPS: tuple[RouteGroup, ...] = (*_OWN_GROUPS, hub.repositories(RESERVED))


def group_of(path: str) -> RouteGroup | None:
    """The group that a path belongs to, even if no route has it."""
    return next((group for group in ROUTE_GROUPS if group.owns(path)), None)
