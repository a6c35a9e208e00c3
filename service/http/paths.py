"""Paths of a request below the prefix that the application is mounted at.

A server's `root_path` and a mount put that prefix before `path` (ASGI). Routes and keys know nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette._utils import get_route_path
from starlette.types import ASGIApp, Receive, Scope, Send


class RootPath:
    """Puts the path that a proxy has removed before the path of every request, whatever the server is."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        root = scope.get("root_path", "")
        if scope["type"] == "http" and root != self._path:  # unless the server has done so
            scope = {**scope, "root_path": self._path + root, "path": self._path + scope["path"]}
            if scope.get("raw_path"):
                scope["raw_path"] = self._path.encode() + scope["raw_path"]
        await self._app(scope, receive, send)


def root_path(scope: Mapping[str, Any]) -> str:
    """The prefix, without that of a mount within the application."""
    found: str = scope.get("app_root_path", scope.get("root_path", ""))
    return found


def route_path(scope: Mapping[str, Any]) -> str:
    """The decoded path, as the router matches it."""
    root = root_path(scope)
    return get_route_path({"path": scope["path"], "root_path": root}) if root else scope["path"]


def raw_route_path(scope: Mapping[str, Any]) -> str:
    """The percent-encoded path."""
    raw = scope.get("raw_path")  # optional in ASGI
    path = raw.decode("latin-1") if raw else quote(scope["path"])
    return get_route_path({"path": path, "root_path": quote(root_path(scope))})
