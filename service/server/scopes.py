"""Scopes of API keys, by path."""

from __future__ import annotations

from .metrics import PATH as METRICS_PATH
from .route_groups import DOCUMENTATION_PATHS, ROUTE_GROUPS, group_of

METRICS_SCOPE = "metrics"
SCOPES = (*dict.fromkeys(group.scope for group in ROUTE_GROUPS if group.scope), METRICS_SCOPE)


def needs_key(path: str) -> bool:
    """Whether a service with keys answers a path only to requests with one."""
    group = group_of(path)
    if group is not None:
        return not group.is_public
    return not any(path == open_path or path.startswith(f"{open_path}/") for open_path in DOCUMENTATION_PATHS)


def scope_of(path: str) -> str | None:
    """The scope that covers a path; None for a path that every key opens."""
    group = group_of(path)
    if group is not None:
        return group.scope_of(path)
    return METRICS_SCOPE if path == METRICS_PATH or path.startswith(f"{METRICS_PATH}/") else None
