"""Repository, revision and path of a Hub URL, by percent-encoded bytes.

A revision such as `refs/pr/7` comes as one segment, `refs%2Fpr%2F7`, which the decoded path no longer shows.
Some clients send it as three segments.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import unquote

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request

from ..http.paths import raw_route_path
from ..http.queries import check_path

MAIN = "main"  # the default revision
MODELS = "/api/models/"
WHOAMI = "/api/whoami-v2"

_WITHOUT_PATH = ("revision", "commits", "paths-info")  # keywords that nothing but a revision follows


class RepositoryConvertor(StringConvertor):
    """An id: a name, or a namespace and a name."""

    regex = "[^/]+(?:/[^/]+)?"


class RecipeConvertor(StringConvertor):
    """An id that is not the `plan` of `/v1/recipes/plan`."""

    regex = "(?!plan$)[^/]+(?:/[^/]+)?"


register_url_convertor("repository", RepositoryConvertor())
register_url_convertor("recipe", RecipeConvertor())


def root_convertor(reserved: Collection[str]) -> StringConvertor:
    """The convertor of an id at the root of the service, whose first segment is not `reserved`."""

    class RootConvertor(StringConvertor):
        regex = rf"(?!{_any(reserved)}/)[^/]+(?:/[^/]+)?"

    return RootConvertor()


def hub_pattern(reserved: Collection[str]) -> re.Pattern[str]:
    """The paths of the Hub's protocol: below /api, and files whose first segment is not `reserved`."""
    return re.compile(rf"/api(?:/|$)|/(?!{_any(reserved)}/)(?:[^/]+/){{1,3}}(?:resolve|raw)/")


class RepoPath(NamedTuple):
    """A path in a repository at a revision. It is empty for the repository as a whole."""

    repository: str
    revision: str = MAIN
    path: str = ""


def parse_repo_path(request: Request, *keywords: str) -> RepoPath:
    """The repository path of a URL that has one of the `keywords` between id and revision.

    Without keywords the whole path is the id.

    Raises:
        UnknownPathError: The path is not UTF-8.
    """
    check_path(request)
    segments = raw_route_path(request.scope).removeprefix(MODELS).removeprefix("/").split("/")
    if not keywords:
        return RepoPath(unquote("/".join(segments)))
    at = 2 if len(segments) > 2 and segments[2] in keywords else 1
    repository, found = "/".join(segments[:at]), segments[at + 1 :]
    if segments[at : at + 1] and segments[at] in _WITHOUT_PATH:
        length = len(found)
    else:
        length = 3 if found[:1] == ["refs"] else 1
    revision = "/".join(map(unquote, found[:length])) if found else MAIN
    return RepoPath(unquote(repository), revision, "/".join(map(unquote, found[length:])))


def _any(segments: Collection[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, segments))})"
