"""Routes of pages for browsers, an index for programs, and assets."""

from __future__ import annotations

import re
from asyncio import to_thread
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import NamedTuple

import orjson
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..http.conditional import is_unmodified
from ..http.errors import UnknownPathError
from ..http.negotiation import JSON, accept_of, accepts_gzip, preferred
from ..http.paths import root_path
from ..http.responses import CACHE_CONTROL, REVALIDATED, CompleteResponse
from .assets import PREFIX, Assets
from .page import FIELDS, HTML, page_at

HasRepository = Callable[[Request, str], Awaitable[bool]]

_FILES = ("resolve", "raw")  # second segments of the Hub's files in repositories without a namespace
_METHODS = ["GET", "HEAD"]
_INDEX = {
    "name": "tensorseed",
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "weights": "/v1/weights?shape=256,784&init=xavier_uniform&seed=42",
    "schemes": "/v1/schemes",
    "recipes": "/v1/recipes",
}
_RELOAD = "no such path: the explorer has changed, so load the page again"


class Pages(NamedTuple):
    """The routes, and the pattern of their paths, which need no key."""

    routes: list[BaseRoute]
    pattern: re.Pattern[str]

    def owns(self, path: str) -> bool:
        """Whether a path is one of the explorer's."""
        return self.pattern.match(path) is not None


def pages(reserved: Collection[str], has_repository: HasRepository) -> Pages:
    """The explorer. No repository's namespace is a `reserved` segment."""
    assets = Assets()
    register_url_convertor("namespace", _segment(reserved))
    register_url_convertor("repository_name", _segment(_FILES))

    async def home(request: Request) -> Response:
        """The page, or an index for programs."""
        if not _wants_page(request):
            root = root_path(request.scope)
            index = {key: f"{root}{text}" if text[0] == "/" else text for key, text in _INDEX.items()}
            fields = {"Content-Type": JSON, "Cache-Control": REVALIDATED, "Vary": "Accept"}
            return _complete(request, 200, fields, orjson.dumps(index))
        return await _page(request, assets, 200)

    async def repository(request: Request) -> Response:
        """The page of a repository. With keys it says nothing of which ones there are."""
        if not _wants_page(request):
            raise HTTPException(404)  # as for any other path, with the one that it may mean
        name = "/".join((request.path_params["namespace"], request.path_params["name"]))
        known = request.app.state.keyring is not None or await has_repository(request, name)
        return await _page(request, assets, 200 if known else 404)

    async def asset(request: Request) -> Response:
        """A file of the page, which never changes at its address."""
        digest, path = request.path_params["digest"], request.path_params["path"]
        if f"{PREFIX[1:]}/{digest}" != await to_thread(lambda: assets.address):
            raise UnknownPathError(_RELOAD)
        found = await to_thread(assets.asset, path)
        if found is None:
            raise UnknownPathError(f"no such path: the explorer has no file {path[:80]}")
        fields = {
            "Content-Type": found.media_type,
            "Cache-Control": CACHE_CONTROL,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if accepts_gzip(request):
            return _complete(request, 200, {**fields, "Content-Encoding": "gzip"}, found.compressed)
        return _complete(request, 200, fields, found.content)

    at_repository = "/{namespace:namespace}/{name:repository_name}"
    return Pages(
        [
            Route("/", home, methods=_METHODS, include_in_schema=False),
            Route(f"{PREFIX}/{{digest}}/{{path:path}}", asset, methods=_METHODS, include_in_schema=False),
            Route(at_repository, repository, methods=_METHODS, include_in_schema=False),
            Route(f"{at_repository}/", repository, methods=_METHODS, include_in_schema=False),
            *(
                Route(f"{at_repository}/{kind}{end}", repository, methods=_METHODS, include_in_schema=False)
                for kind in ("tree", "blob")
                for end in ("", "/{path:path}")
            ),
        ],
        re.compile(
            rf"/$|{PREFIX}(?:/|$)|/{_segment(reserved).regex}/{_segment(_FILES).regex}(?:/|/(?:tree|blob)(?:/.*)?)?$",
            re.DOTALL,
        ),
    )


def _segment(excluded: Collection[str]) -> StringConvertor:
    """A convertor of one segment of a path that is none of `excluded`."""

    class SegmentConvertor(StringConvertor):
        regex = rf"(?!(?:{'|'.join(map(re.escape, excluded))})(?:/|$))[^/]+"

    return SegmentConvertor()


def _wants_page(request: Request) -> bool:
    """Whether the client prefers HTML, as browsers do; `*/*` alone means JSON."""
    return preferred(accept_of(request), (JSON, HTML)) == HTML


async def _page(request: Request, assets: Assets, status: int) -> Response:
    html, etag = await to_thread(page_at, assets, request.scope)
    fields = {**FIELDS, "ETag": etag}
    if status == 200 and is_unmodified(request.method, request.headers, etag):
        return Response(status_code=304, headers=fields)
    return _complete(request, status, fields, html)


def _complete(request: Request, status: int, fields: Mapping[str, str], content: bytes) -> Response:
    body = b"" if request.method == "HEAD" else content
    return CompleteResponse(status, fields, len(content), body)
