"""The files of repositories, as clients of the Hub download them."""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.checkpoints.errors import UnknownEntryError
from tensorseed.checkpoints.shards import INDEX
from tensorseed.checkpoints.snapshot import RepoFile, Snapshot
from tensorseed.errors import CapacityError

from ..http.disconnect import while_present
from ..http.errors import BusyError, PreconditionError, RangeError
from ..http.negotiation import JSON
from ..http.responses import respond
from ..http.routing import readable
from .context import context_of, snapshot_at
from .documents import SNAPSHOT, hub_documented, hub_files, in_path
from .representations import FileForm
from .schemas import Headers
from .urls import Place, place_of

router = APIRouter(tags=["hub"])

_KEYWORDS = ("resolve", "raw")
_FAULTS = (UnknownEntryError, PreconditionError, RangeError, BusyError, CapacityError)
_PARAMETERS = in_path("repository", "revision", "path")


@readable(
    router,
    "/{repository:root}/resolve/{revision}/{path:path}",
    "RepositoryFile",
    responses=hub_files(),
    errors=hub_documented(*SNAPSHOT, *_FAULTS),
    parameters=_PARAMETERS,
)
async def get_file(request: Request) -> Response:
    """A file of a repository.

    Weights are generated while they are read; any range of them costs what its bytes cost. X-Repo-Commit is
    the commit, by which the same file is served for good.
    """
    return await while_present(request, _get(request))


@readable(
    router,
    "/{repository:root}/raw/{revision}/{path:path}",
    "RawRepositoryFile",
    responses=hub_files(),
    errors=hub_documented(*SNAPSHOT, *_FAULTS),
    parameters=_PARAMETERS,
)
async def get_raw_file(request: Request) -> Response:
    """The same file, at the address that some clients ask for its existence."""
    return await while_present(request, _get(request))


@readable(
    router,
    "/api/models/{repository:repository}/safetensors-metadata/{path:path}",
    "ShardHeaders",
    model=Headers,
    errors=hub_documented(*SNAPSHOT, UnknownEntryError),
    parameters=in_path("repository", "path"),
)
async def get_shard_headers(request: Request) -> Response:
    """The headers of all shards that the index at a path names, at `main`."""
    return await while_present(request, _headers(request))


async def _get(request: Request) -> Response:
    context = context_of(request)
    place = place_of(request, *_KEYWORDS)
    snapshot = await snapshot_at(request, place)
    file = snapshot.file(place.path)
    at_hand = file.text is not None or request.method == "HEAD"
    weights = None if at_hand else await context.worker.run(lambda: file.weights)
    immutable = place.revision == snapshot.commit
    return await respond(request, FileForm(context, file, snapshot.commit, weights, immutable=immutable))


async def _headers(request: Request) -> Response:
    asked = place_of(request, "safetensors-metadata")
    path = "/".join((asked.revision, asked.path)) if asked.path else asked.revision  # a path and no revision
    snapshot = await snapshot_at(request, Place(asked.repository))
    index = snapshot.file(path)
    if path != INDEX:
        raise UnknownEntryError(f"{path} names no shards: ask for {INDEX}")
    body = await context_of(request).worker.run(_headers_text, snapshot, index)
    return Response(body, headers={"Cache-Control": "no-store"}, media_type=JSON)


def _headers_text(snapshot: Snapshot, index: RepoFile) -> bytes:
    """The headers as JSON; their own texts are JSON already."""
    shards = [file for file in snapshot.files if file.text is None]
    headers = {file.path: _header(file) for file in shards}
    return orjson.dumps(
        {"index": {"metadata": orjson.loads(index.text or b"")["metadata"]}, "headers": headers}
    )


def _header(file: RepoFile) -> orjson.Fragment:
    assert file.weights is not None
    return orjson.Fragment(file.weights.header[8:].rstrip(b" "))
