"""Scopes of API keys: the paths that each scope covers."""

from __future__ import annotations

from collections.abc import Mapping

from ..hub.errors import WHOAMI, is_hub_path

OPEN = ("/healthz", "/readyz", "/docs", "/openapi.json")  # need no key, nor does any path below them

PATHS: Mapping[str, tuple[str, ...]] = {
    "weights": ("/v1/weights", "/v1/recipes"),
    "losses": ("/v1/losses",),
    "evaluations": ("/v1/evaluations",),
    "metrics": ("/metrics",),
}
"""The paths of each scope, with all paths below them. The paths of the Hub belong to `weights`."""

SCOPES = tuple(PATHS)


def needs_key(path: str) -> bool:
    """Whether a service with keys answers a path only to requests with one."""
    return not _is_below(path, OPEN)


def scope_of(path: str) -> str | None:
    """The scope that covers a path; None for a path that every key opens."""
    if is_hub_path(path):
        return None if path == WHOAMI else "weights"
    return next((scope for scope, prefixes in PATHS.items() if _is_below(path, prefixes)), None)


def _is_below(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)
