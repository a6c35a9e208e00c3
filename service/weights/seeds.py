"""Answers of a query that differs in its seed from an answered one."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from tensorseed.files.reseeding import Reseeding
from tensorseed.spec.spec_token import encode_token

from ..http.negotiation import OCTETS
from ..http.request_context import RESEEDED
from ..http.responses import Chunk, CompleteResponse
from ..worker.worker import Worker
from .context import OpenFile, WeightsContext
from .representations import SafetensorsRepresentation

Fields = Mapping[bytes, bytes]


class ReseededAnswers:
    """The answers 200 of one query, but for its seed of so many digits, whose file is computed at once.

    They differ in the bytes, and in the fields that name them: ETag, Content-Disposition and
    Content-Location. All other fields, Content-Length too, are those of the answered query.
    """

    def __init__(self, worker: Worker, opened: OpenFile, folder: str, query: str) -> None:
        """Locations are a file's token between `folder` and `query`."""
        self.nbytes = opened.nbytes
        self._worker = worker
        self._files = Reseeding(opened.file)
        self._folder, self._query = folder, query

    def answer(self, seed: int) -> tuple[Fields, Chunk]:
        """The fields that differ, and the body."""
        file = self._files.with_seed(seed)
        body = self._worker.at_once(file, 0, file.size)
        assert body is not None  # since the answered query's was not, whose file has the same cost
        named = SafetensorsRepresentation(self._worker, file, {})
        location = f"{self._folder}{encode_token(file.resolved)}{self._query}"
        fields = {
            "etag": named.etag,
            "content-disposition": named.content_headers["Content-Disposition"],
            "content-location": location,
        }
        return {name.encode(): value.encode("latin-1") for name, value in fields.items()}, body


def offer_seeds(request: Request, opened: OpenFile, response: Response) -> None:
    """Offer the middleware, where it takes an offer, to answer the query with other seeds.

    The query has to be answered at once and whole.
    """
    if RESEEDED not in request.scope:
        return
    is_complete = isinstance(response, CompleteResponse) and response.status_code == 200
    if not is_complete or opened.token is None or opened.file.resolved.torch is not None:
        return
    context, fields = WeightsContext.of(request), response.headers
    if fields["content-type"] == OCTETS:
        folder, _, query = fields["content-location"].rpartition(opened.token)
        request.scope[RESEEDED] = ReseededAnswers(context.worker, opened, folder, query)
