"""Which repository, revision and path a URL names, read from the bytes that were sent.

A revision such as `refs/pr/7` comes as one segment, `refs%2Fpr%2F7`, which the decoded path no longer tells,
or from some calls as three.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request

from ..http.queries import check_path
from .errors import RESERVED

MAIN = "main"  # the revision where none is named
MODELS = "/api/models/"

_WITHOUT_PATH = ("revision", "commits", "paths-info")  # keywords that nothing but a revision follows


class RepositoryConvertor(StringConvertor):
    """An id: a name, or a namespace and a name."""

    regex = "[^/]+(?:/[^/]+)?"


class RecipeConvertor(StringConvertor):
    """An id that is not the `plan` of `/v1/recipes/plan`."""

    regex = "(?!plan$)[^/]+(?:/[^/]+)?"


class RootConvertor(StringConvertor):
    """An id at the root of the service, where it is none of the service's own places."""

    regex = rf"(?!(?:{'|'.join(map(re.escape, RESERVED))})/)[^/]+(?:/[^/]+)?"


register_url_convertor("repository", RepositoryConvertor())
register_url_convertor("recipe", RecipeConvertor())
register_url_convertor("root", RootConvertor())


class Place(NamedTuple):
    """What a URL names. `path` is empty for the repository as a whole."""

    repository: str
    revision: str = MAIN
    path: str = ""


def place_of(request: Request, *keywords: str) -> Place:
    """The place that a URL names, where one of the `keywords` stands between its id and its revision.

    Without keywords everything is the id. Raises UnknownPathError for a path that is not UTF-8.
    """
    check_path(request)
    segments = _raw(request).removeprefix(MODELS).removeprefix("/").split("/")
    if not keywords:
        return Place(unquote("/".join(segments)))
    at = 2 if len(segments) > 2 and segments[2] in keywords else 1
    repository, found = "/".join(segments[:at]), segments[at + 1 :]
    if segments[at : at + 1] and segments[at] in _WITHOUT_PATH:
        length = len(found)
    else:
        length = 3 if found[:1] == ["refs"] else 1
    revision = "/".join(map(unquote, found[:length])) if found else MAIN
    return Place(unquote(repository), revision, "/".join(map(unquote, found[length:])))


def _raw(request: Request) -> str:
    """The path as it was sent, without what the application is mounted at."""
    scope = request.scope
    raw = scope.get("raw_path")
    path = raw.decode("latin-1") if raw else quote(scope["path"])
    return path.removeprefix(quote(scope.get("root_path", "")))
