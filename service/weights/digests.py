"""Digests on request: SHA-256 of a file and of each of its tensors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.concurrency.pieces import pieces
from tensorseed.errors import CapacityError, DeviceError, TooLargeError, UnknownNameError, VersionError
from tensorseed.files.digests import ALGORITHM, FileDigest, FileHash, placeholder
from tensorseed.files.virtual_file import VirtualFile

from ..http.disconnect import cancel_on_disconnect
from ..http.errors import BusyError, PreconditionError, QueryError, RangeError
from ..http.memory import lease_of
from ..http.negotiation import JSON
from ..http.openapi import Responses, json_answer
from ..http.queries import query_of
from ..http.responses import Chunk, Representation, file_response
from ..http.routing import get_and_head
from ..http.schemas import Described
from .context import WeightsContext
from .parameters import dtype_parameter
from .routes import PROBLEMS, Token, open_token
from .schemas import SIZE

ROW_BYTES = 400  # of memory, for a tensor's digest and its text

router = APIRouter(prefix="/v1/weights", tags=["weights"])

# Of the file that the examples name.
DIGEST = "0e8d0fd8ff0d534e95ae5d44132ef80e48fc40548ccfbefeacc0526d572980d3"
TENSOR_DIGEST = "64de1e20fd015a2c59ba9ad29cf615e3482ff534a213b933be828c2ba611694f"


class FileDigests(Described):
    """The digests of a file."""

    algorithm: Literal["sha256"] = Field(
        description="The hash function, that of FIPS 180-4.", examples=["sha256"]
    )
    digest: str = Field(description="Of the whole file, in hex.", examples=[DIGEST])
    size: int = Field(description="The file's size in bytes.", examples=[SIZE])
    tensors: dict[str, str] = Field(
        description="Of each tensor's bytes, in hex, by name in file order.",
        examples=[{"weight": TENSOR_DIGEST}],
    )


class DigestRepresentation(Representation):
    """The digests as JSON: a text whose length is known before any of it is computed."""

    def __init__(self, context: WeightsContext, file: VirtualFile) -> None:
        super().__init__(f'"{file.digest}-digest"', {}, {"Content-Type": JSON})
        self._context = context
        self._file = file

    async def size(self) -> int:
        """The number of bytes: all digests have one length."""
        known = self._context.digests.peek(self._file.digest)
        if known is None:
            known = await self._context.worker.run(lambda: _text(placeholder(self._file)))
        return len(known)

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes [start, stop) of a cached text."""
        known = self._context.digests.peek(self._file.digest)
        return None if known is None else memoryview(known)[start:stop]

    async def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes [start, stop), once the whole file has been hashed."""
        with self._context.hashing.admit():
            text = await self._context.digests.get(self._file.digest, self._compute)
        yield memoryview(text)[start:stop]

    async def _compute(self) -> bytes:
        """Hash the file while it is computed; the whole and the tensors side by side."""
        worker, hashing = self._context.worker, FileHash(self._file)
        async with aclosing(worker.stream(self._file, 0, self._file.size)) as chunks:
            async for chunk in chunks:
                await asyncio.gather(
                    *(worker.hash(update, chunk) for update in (hashing.whole.update, hashing.tensors.update))
                )
        return await worker.run(lambda: _text(hashing.result()))


def _text(found: FileDigest) -> bytes:
    members = {
        "algorithm": ALGORITHM,
        "digest": found.digest,
        "size": found.size,
    }
    head = orjson.dumps(members)[:-1] + b',"tensors":{'
    rows = [orjson.dumps(dict(piece))[1:-1] for piece in pieces([*found.tensors.items()])]
    return head + b",".join(rows) + b"}}"


_ERRORS = (UnknownNameError, QueryError, TooLargeError, RangeError, DeviceError, CapacityError, VersionError)


def _answers() -> Responses:
    """The documented 200, 206 and 304."""
    good = json_answer(FileDigests, "The digests of the file")
    partial: dict[str, Any] = {**good[200], "description": "The requested range of the JSON text"}
    return {
        **good,
        206: partial,
        304: {"description": "The client has them already: If-None-Match names them"},
    }


@get_and_head(
    router,
    "/{token:token}/digest",
    "FileDigests",
    responses=_answers(),
    errors=PROBLEMS.documented(*_ERRORS, PreconditionError, BusyError),
    parameters=[dtype_parameter()],
)
async def get_digest(request: Request, token: Token) -> Response:
    """SHA-256 of the file and of each of its tensors, without sending them.

    The file is computed as for a download: once for all concurrent requests, until the last client leaves.
    The answer takes as long as the hashing. It is cached. With `dtype` the file is that of the same spec in
    that dtype.
    """
    dtype = query_of(request, allowed=("dtype",)).get("dtype")
    return await cancel_on_disconnect(request.receive, _get_digest(request, token, dtype))


async def _get_digest(request: Request, token: str, dtype: str | None) -> Response:
    context = WeightsContext.of(request)
    file = (await open_token(request, token, dtype)).file
    limit = context.settings.digest_bytes
    if file.size > limit:
        remedy = "download the file and verify it, or verify a part of it"
        raise TooLargeError(
            f"the file has {file.size:,} bytes and digests are computed up to {limit:,}: {remedy}"
        )
    lease_of(request).take(ROW_BYTES * len(file.entries()))
    await context.worker.device(file.resolved.device)
    return await file_response(request, DigestRepresentation(context, file), context.streams)
