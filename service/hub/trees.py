"""What lies in a repository: listings of its folders, and what is told of some paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.checkpoints.errors import UnknownEntryError
from tensorseed.checkpoints.snapshot import Folder, RepoFile, Snapshot
from tensorseed.errors import TooLargeError

from ..http.bodies import read_json
from ..http.disconnect import while_present
from ..http.errors import MalformedRequestError, MediaTypeError, QueryError
from ..http.negotiation import JSON
from ..http.routing import many, readable, reference
from .context import snapshot_at
from .documents import SNAPSHOT, flags, hub_documented, in_path
from .pagination import Query, paged
from .schemas import WHEN, PathsRequest, TreeEntry
from .urls import place_of

MAX_BODY = 1 << 20  # bytes that name paths
MAX_PATHS = 1_000  # told of at a time

router = APIRouter(prefix="/api/models", tags=["hub"])

_FORM = "application/x-www-form-urlencoded"
_FEWER = f"ask for {MAX_PATHS:,} paths at most"


@readable(
    router,
    "/{repository:repository}/tree/{revision}",
    "Tree",
    responses=many(TreeEntry, "The entries"),
    errors=hub_documented(*SNAPSHOT, QueryError),
    parameters=[*in_path("repository", "revision"), *flags()],
)
async def get_tree(request: Request) -> Response:
    """The files and folders of a repository, by path."""
    return await while_present(request, _tree(request))


@readable(
    router,
    "/{repository:repository}/tree/{revision}/{path:path}",
    "Folder",
    responses=many(TreeEntry, "The entries"),
    errors=hub_documented(*SNAPSHOT, UnknownEntryError, QueryError),
    parameters=[*in_path("repository", "revision", "path"), *flags()],
)
async def get_folder(request: Request) -> Response:
    """The files and folders of a folder, by path."""
    return await while_present(request, _tree(request))


@router.post(
    "/{repository:repository}/paths-info/{revision:path}",
    operation_id="postPathsInfo",
    summary="What some paths are",
    response_class=Response,
    responses=many(TreeEntry, "The entries")
    | hub_documented(*SNAPSHOT, MediaTypeError, MalformedRequestError, TooLargeError),
    openapi_extra={
        "parameters": in_path("repository", "revision"),
        "requestBody": {
            "required": True,
            "content": {form: {"schema": reference(PathsRequest)} for form in (JSON, _FORM)},
        },
    },
)
async def post_paths_info(request: Request) -> Response:
    """The files and folders at the paths in the body; a path where nothing is, is left out."""
    paths, expand = await _asked(request)
    return await while_present(request, _paths_info(request, paths, expand=expand))


async def _tree(request: Request) -> Response:
    query = Query(request)
    place = place_of(request, "tree")
    snapshot = await snapshot_at(request, place)
    entries = snapshot.within(place.path.rstrip("/"), recursive=query.flag("recursive"))
    page, headers = paged(request, query, entries)
    rows = [told(entry, snapshot, expand=query.flag("expand")) for entry in page]
    return Response(orjson.dumps(rows), headers=headers, media_type=JSON)


async def _paths_info(request: Request, paths: Sequence[str], *, expand: bool) -> Response:
    snapshot = await snapshot_at(request, place_of(request, "paths-info"))
    entries: dict[str, RepoFile | Folder] = {
        entry.path: entry for entry in snapshot.within("", recursive=True)
    }
    found = [entries[path] for path in dict.fromkeys(path.strip("/") for path in paths) if path in entries]
    rows = [told(entry, snapshot, expand=expand) for entry in found]
    return Response(orjson.dumps(rows), headers={"Cache-Control": "no-store"}, media_type=JSON)


def told(entry: RepoFile | Folder, snapshot: Snapshot, *, expand: bool) -> dict[str, Any]:
    """A file or a folder, with its commit where `expand` asks for that."""
    kind, size = ("file", entry.size) if isinstance(entry, RepoFile) else ("directory", 0)
    row: dict[str, Any] = {"type": kind, "path": entry.path, "size": size, "oid": entry.oid}
    if expand:
        row["lastCommit"] = {"id": snapshot.commit, "title": title(snapshot), "date": WHEN}
    return row


def title(snapshot: Snapshot) -> str:
    """What the commit of a snapshot is called."""
    return f"{snapshot.repository.id} at {snapshot.revision.name}"


async def _asked(request: Request) -> tuple[list[str], bool]:
    """The paths of the body, and whether to tell their commit.

    Raises MediaTypeError, TooLargeError, and MalformedRequestError for a body that names no paths.
    """
    form = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if form not in {"", JSON, _FORM}:
        raise MediaTypeError(
            f"a body of type {form[:80]} is not read here: send {JSON} or {_FORM}",
            {"Accept-Post": f"{JSON}, {_FORM}"},
        )
    body = await read_json(request, MAX_BODY, _FEWER)
    asked = _of_form(body) if form == _FORM else _of_json(body)
    if len(asked[0]) > MAX_PATHS:
        raise TooLargeError(f"the body names {len(asked[0]):,} paths: {_FEWER}")
    return asked


def _of_form(body: bytes) -> tuple[list[str], bool]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=2 * MAX_PATHS)
    except ValueError:
        raise MalformedRequestError(f"the body is no form in UTF-8 of few fields: {_FEWER}") from None
    expand = next((text for name, text in pairs if name == "expand"), "")
    return [text for name, text in pairs if name == "paths"], expand.lower() in {"true", "1"}


def _of_json(body: bytes) -> tuple[list[str], bool]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    paths = document.get("paths") if isinstance(document, dict) else None
    if isinstance(paths, str):
        paths = [paths]
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise MalformedRequestError('the body is not understood: send {"paths": ["config.json"]}')
    return paths, document.get("expand") is True
