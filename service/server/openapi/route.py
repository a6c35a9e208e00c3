"""Route of the document: compressed, and with an entity tag."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from functools import lru_cache
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...http.conditional import is_unmodified
from ...http.negotiation import JSON, accepts_gzip
from ...http.paths import root_path
from ...http.responses import REVALIDATED
from .document import SERVERS, build_document

MAX_ROOT_PATHS = 8  # whose texts are kept


class Text(NamedTuple):
    """The document as bytes in a content coding, and the strong entity tag of these bytes."""

    body: bytes
    etag: str
    coding: str | None = None


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` and `/openapi.json` answer with the complete document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build_document(app)
        return app.openapi_schema

    @lru_cache(MAX_ROOT_PATHS)
    def texts(root: str) -> tuple[Text, Text]:
        """The plain and the compressed text below the prefix of a proxy."""
        servers = [{**SERVERS[0], "url": root or SERVERS[0]["url"]}]
        document_below = {**document(), "servers": servers}
        body = json.dumps(document_below, ensure_ascii=False, separators=(",", ":")).encode()
        digest = hashlib.sha256(body).hexdigest()[:32]
        return Text(body, f'"{digest}"'), Text(gzip.compress(body, mtime=0), f'"{digest}-gzip"', "gzip")

    async def answer(request: Request) -> Response:
        plain, compressed = await asyncio.to_thread(texts, root_path(request.scope))
        return _response(request, compressed if accepts_gzip(request) else plain)

    app.openapi = document  # type: ignore[method-assign]
    for route in app.routes:
        if isinstance(route, Route) and route.path == app.openapi_url:
            route.endpoint = answer
            route.app = Route(route.path, answer).app


def _response(request: Request, text: Text) -> Response:
    """200, or 304 where the client has the text already.

    Raises:
        PreconditionError: If-Match does not hold.
    """
    headers = {"ETag": text.etag, "Cache-Control": REVALIDATED, "Vary": "Accept-Encoding"}
    if is_unmodified(request.method, request.headers, text.etag):
        return Response(status_code=304, headers=headers)
    if text.coding is not None:
        headers["Content-Encoding"] = text.coding
    return Response(text.body, headers=headers, media_type=JSON)
