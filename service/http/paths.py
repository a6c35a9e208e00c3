"""Paths of a request below the prefix that the application is mounted at.

A server's `root_path` and a mount put that prefix before `path` (ASGI). Routes and keys know nothing of it.
"""

from __future__ import annotations

import re
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


class PlainPaths:
    """Answers a path with surplus slashes as the one that it means; `whole` are those without parameters."""

    def __init__(self, app: ASGIApp, whole: frozenset[str]) -> None:
        self._app = app
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and ("//" in scope["path"] or scope["path"].endswith("/")):
            root = root_path(scope)
            scope = {**scope, "path": self._below(scope["path"], root)}
            if scope.get("raw_path"):
                raw = scope["raw_path"].decode("latin-1")
                scope["raw_path"] = self._below(raw, quote(root)).encode("latin-1")
        await self._app(scope, receive, send)

    def _below(self, path: str, root: str) -> str:
        """The path with what follows its prefix made plain."""
        return root + plain_path(path[len(root) :], self._whole) if path.startswith(root) else path


def plain_path(path: str, whole: frozenset[str]) -> str:
    """The path without surplus slashes, but for those that a tensor's or a file's name may have.

    `whole` are the paths of routes without parameters.

    >>> paths = ("//v1/weights/", "/v1//losses/mse_loss/", "/v1/weights/t/tensors/a//b/", "/healthz/", "/")
    >>> [plain_path(path, frozenset({"/healthz"})) for path in paths]
    ['/v1/weights', '/v1/losses/mse_loss', '/v1/weights/t/tensors/a//b/', '/healthz', '/']
    """
    path = re.sub(r"^/{2,}", "/", path)
    page = re.sub(r"/{2,}", "/", path).rstrip("/")
    if page in whole:
        return page
    if not path.startswith("/v1/"):
        return path
    route, mark, name = path.partition("/tensors/")
    route = re.sub(r"/{2,}", "/", route)
    return f"{route}{mark}{name}" if mark else route.rstrip("/")


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
