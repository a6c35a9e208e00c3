"""Answers of a query that differs in its seed from an answered one."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from tensorseed.files.virtual_file import header_digest
from tensorseed.spec.spec_token import token_of

from ..http.negotiation import OCTETS
from ..http.request_context import RESEEDED
from ..http.responses import Chunk, CompleteResponse
from ..worker.worker import Worker
from .content_disposition import ContentDisposition
from .context import OpenFile, WeightsContext
from .representations import SafetensorsRepresentation, entity_tag

Fields = Mapping[bytes, bytes]


class ReseededAnswers:
    """The answers 200 of one query, but for its seed of so many digits, whose file is computed at once.

    They differ in the bytes, and in the fields that name them: ETag, Content-Disposition and
    Content-Location. All other fields, Content-Length too, are those of the answered query.
    """

    def __init__(self, worker: Worker, opened: OpenFile, folder: str, query: str) -> None:
        """Locations are a file's token between `folder` and `query`."""
        self.nbytes = opened.nbytes
        self._files = worker.reseeded(opened.file)
        self._disposition = ContentDisposition(opened.file, SafetensorsRepresentation.extension)
        self._folder, self._query = folder, query

    def answer(self, seed: int) -> tuple[Fields, Chunk]:
        """The fields that differ, and the body."""
        names = self._files.names
        header = names.header(seed)
        digest = header_digest(header)
        fields = {
            b"etag": entity_tag(digest).encode(),
            b"content-disposition": self._disposition.of(digest).encode("latin-1"),
            b"content-location": f"{self._folder}{token_of(names.recipe(seed))}{self._query}".encode(
                "latin-1"
            ),
        }
        return fields, self._files.compute(seed, header)


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
