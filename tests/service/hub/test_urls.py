"""Repository paths of percent-encoded URLs."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from starlette.requests import Request
from starlette.types import Scope

from service.http.errors import UnknownPathError
from service.hub.urls import RepoPath, parse_repo_path, root_convertor
from service.server.route_groups import RESERVED


def place(raw: str, *keywords: str, root: str = "") -> RepoPath:
    scope = {"type": "http", "path": unquote(raw), "raw_path": raw.encode(), "root_path": root, "headers": []}
    return parse_repo_path(Request(scope), *keywords)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/a/b/resolve/main/f", ("a/b", "main", "f")),
        ("/a/resolve/main/f", ("a", "main", "f")),
        ("/a/b/raw/main/f", ("a/b", "main", "f")),
        ("/a/b/resolve/seed%3D42/f", ("a/b", "seed=42", "f")),
        ("/a/b/resolve/seed=42,dtype=float16/f", ("a/b", "seed=42,dtype=float16", "f")),
        ("/a/b/resolve/refs%2Fheads%2Fmain/d/e/f.txt", ("a/b", "refs/heads/main", "d/e/f.txt")),
        ("/a/b/resolve/main/d%2Ff%20g", ("a/b", "main", "d/f g")),
        ("/a/resolve/resolve/main/f", ("a/resolve", "main", "f")),
        ("/a%2Fb/resolve/main/f", ("a/b", "main", "f")),
        ("/a/b/resolve/main/../x", ("a/b", "main", "../x")),
        ("/a/b/resolve/a+b/f", ("a/b", "a+b", "f")),
        ("/a/b/resolve/refs/heads/main/d/f", ("a/b", "refs/heads/main", "d/f")),
        ("/a/b/resolve/refs%2Fpr%2F1/refs/f", ("a/b", "refs/pr/1", "refs/f")),
    ],
)
def test_files(raw: str, expected: tuple[str, str, str]) -> None:
    assert place(raw, "resolve", "raw") == expected
    assert place(f"/x%20y{raw}", "resolve", "raw", root="/x y") == expected


@pytest.mark.parametrize(
    ("raw", "keyword", "expected"),
    [
        ("/api/models/a/b/tree/main", "tree", ("a/b", "main", "")),
        ("/api/models/a/tree/main/d%2Fe", "tree", ("a", "main", "d/e")),
        ("/api/models/a/b/tree/refs%2Fpr%2F7/d/e", "tree", ("a/b", "refs/pr/7", "d/e")),
        ("/api/models/a/b/refs", "refs", ("a/b", "main", "")),
        ("/api/models/a/refs", "refs", ("a", "main", "")),
        ("/api/models/a/b/revision/seed%3D1", "revision", ("a/b", "seed=1", "")),
        ("/api/models/a%2Ftree%2Fmain", "tree", ("a/tree/main", "main", "")),
        ("/api/models/a/b/tree/refs/pr/7/d/e", "tree", ("a/b", "refs/pr/7", "d/e")),
        ("/api/models/a/b/tree/refs/heads", "tree", ("a/b", "refs/heads", "")),
        ("/api/models/a/b/revision/refs/heads/main", "revision", ("a/b", "refs/heads/main", "")),
        ("/api/models/a/b/revision/main/d", "revision", ("a/b", "main/d", "")),
        ("/api/models/a/commits/main/d", "commits", ("a", "main/d", "")),
        ("/api/models/a/b/paths-info/main/d", "paths-info", ("a/b", "main/d", "")),
    ],
)
def test_models(raw: str, keyword: str, expected: tuple[str, str, str]) -> None:
    assert place(raw, keyword) == expected


def test_a_repository_alone() -> None:
    assert place("/api/models/a/b") == ("a/b", "main", "")
    assert place("/api/models/a") == ("a", "main", "")


def test_a_server_that_does_not_tell_the_raw_path() -> None:
    scope: Scope = {"type": "http", "path": "/a/b/resolve/seed=1/f g", "raw_path": None, "headers": []}
    assert parse_repo_path(Request(scope), "resolve") == ("a/b", "seed=1", "f g")


def test_what_is_no_utf8_is_nowhere() -> None:
    scope = {"type": "http", "path": "/", "raw_path": b"/a/resolve/main/%ff", "headers": []}
    with pytest.raises(UnknownPathError, match="UTF-8"):
        parse_repo_path(Request(scope), "resolve")


def test_the_service_keeps_its_own_places() -> None:
    import re

    pattern = re.compile(f"{root_convertor(RESERVED).regex}/")
    for path in ("v1/", "api/models/", "docs/x/", "openapi.json/"):
        assert not pattern.match(path)
    for path in ("v10/", "a/", "a/b/", "docsx/", "apis/b/"):
        assert pattern.match(path)
