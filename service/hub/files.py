"""Files of repositories, as clients of the Hub download them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing
from functools import partial
from urllib.parse import quote

import orjson
from fastapi import APIRouter
from starlette.convertors import register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.checkpoints.errors import UnknownEntryError
from tensorseed.checkpoints.generated_texts import UnmadeTextError
from tensorseed.checkpoints.layout import index_name
from tensorseed.checkpoints.repo_files import RepoFile, WeightsFile
from tensorseed.checkpoints.snapshot import Snapshot
from tensorseed.errors import CapacityError
from tensorseed.files.virtual_file import VirtualFile

from ..http.disconnect import cancel_on_disconnect
from ..http.errors import BusyError, PreconditionError, RangeError
from ..http.memory import lease_of
from ..http.negotiation import JSON, OCTETS
from ..http.responses import CACHE_CONTROL, REVALIDATED, Chunk, Representation, file_response
from ..http.routing import get_and_head
from ..http.texts import complete_text
from ..worker.worker import Worker
from .context import HubContext, snapshot_at
from .openapi import SHARDED, SNAPSHOT, download_parameter, file_answers, in_path
from .pagination import Query
from .problems import HUB_PROBLEMS
from .schemas import ShardHeaders
from .urls import RepoPath, parse_repo_path, root_convertor
from .weights import open_weights

_TEXT = "text/plain; charset=utf-8"
_TYPES = {"json": JSON, "safetensors": OCTETS}
_KEYWORDS = ("resolve", "raw")
_ERRORS = (UnknownEntryError, PreconditionError, RangeError, BusyError, CapacityError)


Read = Callable[[], Awaitable[bytes | VirtualFile]]


class RepoFileRepresentation(Representation):
    """The bytes of a file. `read` gives its text or its weights; None for HEAD."""

    def __init__(
        self,
        worker: Worker,
        file: RepoFile,
        commit: str,
        read: Read | None,
        *,
        immutable: bool,
        attached: bool,
    ) -> None:
        name = file.path.rpartition("/")[2]
        disposition = "attachment" if attached else "inline"
        super().__init__(
            f'"{file.oid}"',
            {"Cache-Control": CACHE_CONTROL if immutable else REVALIDATED, "X-Repo-Commit": commit},
            {
                "Content-Type": _TYPES.get(name.rpartition(".")[2], _TEXT),
                "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(name, safe='')}",
                "X-Content-Type-Options": "nosniff",
            },
        )
        self._worker = worker
        self.known_size = self._size = file.size
        self._read = read
        self._weights: VirtualFile | None = None
        self._text = memoryview(b"")

    async def size(self) -> int:
        """The number of bytes, known without computing any.

        No condition ended the answer, so the content is read now.
        """
        content = b"" if self._read is None else await self._read()
        if isinstance(content, VirtualFile):
            self._weights = content
        else:
            self._text = memoryview(content)
        return self._size

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes [start, stop) of a text, or of weights where they are few and cheap."""
        if self._weights is None:
            return self._text[start:stop]
        return self._worker.at_once(self._weights, start, stop)

    async def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes [start, stop)."""
        if self._weights is None:
            yield self._text[start:stop]
            return
        async with aclosing(self._worker.stream(self._weights, start, stop)) as chunks:
            async for chunk in chunks:
                yield chunk


async def get_file(request: Request) -> Response:
    """A file of a repository.

    Weights are generated while they are read. A range costs no more than its bytes. X-Repo-Commit is the
    commit, under which the file never changes. A browser saves the file with `download=true`.
    """
    return await cancel_on_disconnect(request.receive, _get(request))


async def get_raw_file(request: Request) -> Response:
    """The same file, at the address where some clients check its existence."""
    return await cancel_on_disconnect(request.receive, _get(request))


async def get_shard_headers(request: Request) -> Response:
    """The headers of all shards that the index at a path names, at `main`."""
    return await cancel_on_disconnect(request.receive, _headers(request))


def make_router(reserved: Collection[str]) -> APIRouter:
    """The routes of files. Those at the root of the service have no `reserved` first segment."""
    register_url_convertor("root", root_convertor(reserved))
    router = APIRouter(tags=["hub"])
    for endpoint, keyword, noun in (
        (get_file, "resolve", "RepositoryFile"),
        (get_raw_file, "raw", "RawRepositoryFile"),
    ):
        get_and_head(
            router,
            f"/{{repository:root}}/{keyword}/{{revision}}/{{path:path}}",
            noun,
            responses=file_answers(),
            errors=HUB_PROBLEMS.documented(*SNAPSHOT, *_ERRORS),
            parameters=[*in_path("repository", "revision", "path"), download_parameter()],
        )(endpoint)
    get_and_head(
        router,
        "/api/models/{repository:repository}/safetensors-metadata/{path:path}",
        "ShardHeaders",
        model=ShardHeaders,
        errors=HUB_PROBLEMS.documented(*SNAPSHOT, UnknownEntryError),
        parameters=in_path("repository", "path", repository=SHARDED, path="model.safetensors.index.json"),
    )(get_shard_headers)
    return router


async def _get(request: Request) -> Response:
    context = HubContext.of(request)
    path = parse_repo_path(request, *_KEYWORDS)
    snapshot = await snapshot_at(request, path)
    file = snapshot.file(path.path)
    try:
        await context.library.make_ready(file)
    except UnmadeTextError:
        raise UnknownEntryError(f"{path.path} cannot be made for this config: put it into `files`") from None
    read: Read
    if isinstance(file, WeightsFile):
        read = partial(context.worker.run, open_weights, file, lease_of(request))
    else:
        read = partial(context.library.text, file)
    immutable = path.revision == snapshot.commit
    representation = RepoFileRepresentation(
        context.worker,
        file,
        snapshot.commit,
        None if request.method == "HEAD" else read,
        immutable=immutable,
        attached=Query(request).flag("download"),
    )
    return await file_response(request, representation, context.streams)


async def _headers(request: Request) -> Response:
    asked = parse_repo_path(request, "safetensors-metadata")
    path = "/".join((asked.revision, asked.path)) if asked.path else asked.revision  # a path and no revision
    snapshot = await snapshot_at(request, RepoPath(asked.repository))
    index = snapshot.file(path)
    indices = [part.path(index_name(part.weights_name)) for part in snapshot.recipe.sets]
    if path not in indices:
        raise UnknownEntryError(f"{path} names no shards: ask for {' or '.join(indices)}")
    body = await HubContext.of(request).worker.run(_headers_text, snapshot, index)
    return complete_text(body, lease_of(request), {"Cache-Control": "no-store"})


def _headers_text(snapshot: Snapshot, index: RepoFile) -> bytes:
    """The headers as JSON; their own texts are JSON already."""
    document = orjson.loads(index.text or b"")
    folder, slash, _ = index.path.rpartition("/")
    shards = sorted(set(document["weight_map"].values()))
    headers = {name: _header(snapshot.file(f"{folder}{slash}{name}")) for name in shards}
    return orjson.dumps({"index": {"metadata": document["metadata"]}, "headers": headers})


def _header(file: RepoFile) -> orjson.Fragment:
    assert isinstance(file, WeightsFile)
    return orjson.Fragment(file.weights.header[8:].rstrip(b" "))
