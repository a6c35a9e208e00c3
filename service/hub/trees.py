"""Listings of a repository's folders, and rows of single paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.checkpoints.errors import UnknownEntryError
from tensorseed.checkpoints.repo_files import RepoFile
from tensorseed.checkpoints.snapshot import Folder, Snapshot
from tensorseed.errors import SpecError, TooLargeError
from tensorseed.spec.json.text import load

from ..http.bodies import media_type_of, read_json
from ..http.disconnect import cancel_on_disconnect
from ..http.errors import BusyError, MalformedRequestError, MediaTypeError, QueryError
from ..http.memory import lease_of
from ..http.negotiation import JSON
from ..http.openapi import body_example, json_list_answer, reference, request_body
from ..http.routing import get_and_head
from ..http.texts import complete_text
from .context import HubContext, listed_at
from .lfs import LfsObject
from .openapi import PIPELINE, SNAPSHOT, in_path, listing_parameters
from .pagination import Query, paged
from .problems import HUB_PROBLEMS
from .schemas import WHEN, PathsRequest, TreeEntry
from .urls import parse_repo_path

MAX_BODY = 1 << 20  # bytes that name paths
MAX_PATHS = 1_000  # of one request

router = APIRouter(prefix="/api/models", tags=["hub"])

_FORM = "application/x-www-form-urlencoded"
_EXAMPLES = {
    "config": body_example("One file", {"paths": ["config.json"]}),
    "expanded": body_example(
        "Two files with their commit", {"paths": ["config.json", "model.safetensors"], "expand": True}
    ),
}
_EXAMPLE = 'send {"paths": ["config.json"]}'
_FEWER = f"ask for {MAX_PATHS:,} paths at most"


@get_and_head(
    router,
    "/{repository:repository}/tree/{revision}",
    "Tree",
    responses=json_list_answer(TreeEntry, "The entries"),
    errors=HUB_PROBLEMS.documented(*SNAPSHOT, QueryError, BusyError),
    parameters=[*in_path("repository", "revision"), *listing_parameters()],
)
async def get_tree(request: Request) -> Response:
    """The files and folders of a repository, by path."""
    return await cancel_on_disconnect(request.receive, _tree(request))


@get_and_head(
    router,
    "/{repository:repository}/tree/{revision}/{path:path}",
    "Folder",
    responses=json_list_answer(TreeEntry, "The entries"),
    errors=HUB_PROBLEMS.documented(*SNAPSHOT, UnknownEntryError, QueryError, BusyError),
    parameters=[
        *in_path("repository", "revision", "path", repository=PIPELINE, path="unet"),
        *listing_parameters(),
    ],
)
async def get_folder(request: Request) -> Response:
    """The files and folders of a folder, by path."""
    return await cancel_on_disconnect(request.receive, _tree(request))


@router.post(
    "/{repository:repository}/paths-info/{revision:path}",
    operation_id="postPathsInfo",
    summary="The files and folders at some paths",
    response_class=Response,
    responses=json_list_answer(TreeEntry, "The entries")
    | HUB_PROBLEMS.documented(*SNAPSHOT, MediaTypeError, MalformedRequestError, TooLargeError, BusyError),
    openapi_extra={
        "parameters": in_path("repository", "revision"),
        **request_body({JSON: {"schema": reference(PathsRequest), "examples": _EXAMPLES}}),
    },
)
async def post_paths_info(request: Request) -> Response:
    """The files and folders at the paths in the body. Paths without one are left out.

    A form of the same members is read as well, as the Hub's client in Python sends it.
    """
    paths, expand = await _requested(request)
    return await cancel_on_disconnect(request.receive, _paths_info(request, paths, expand=expand))


async def _tree(request: Request) -> Response:
    query = Query(request)
    path = parse_repo_path(request, "tree")
    snapshot = await listed_at(request, path)
    entries, headers = await HubContext.of(request).worker.run(
        _listing, snapshot, path.path.rstrip("/"), query
    )
    return await _rows(request, snapshot, entries, headers, expand=query.flag("expand"))


def _listing(
    snapshot: Snapshot, folder: str, query: Query
) -> tuple[Sequence[RepoFile | Folder], dict[str, str]]:
    """The entries of a folder, or a page of them, and the header fields."""
    return paged(query, snapshot.within(folder, recursive=query.flag("recursive")))


async def _paths_info(request: Request, paths: Sequence[str], *, expand: bool) -> Response:
    snapshot = await listed_at(request, parse_repo_path(request, "paths-info"))
    entries = await HubContext.of(request).worker.run(_selected, snapshot, paths)
    return await _rows(request, snapshot, entries, {"Cache-Control": "no-store"}, expand=expand)


def _selected(snapshot: Snapshot, paths: Sequence[str]) -> list[RepoFile | Folder]:
    """The entries at some paths."""
    entries: dict[str, RepoFile | Folder] = {
        entry.path: entry for entry in snapshot.within("", recursive=True)
    }
    return [entries[path] for path in dict.fromkeys(path.strip("/") for path in paths) if path in entries]


async def _rows(
    request: Request,
    snapshot: Snapshot,
    entries: Sequence[RepoFile | Folder],
    headers: Mapping[str, str],
    *,
    expand: bool,
) -> Response:
    """The entries as JSON, files of weights with their LFS objects where these are cheap."""
    context, lease = HubContext.of(request), lease_of(request)
    objects = await context.lfs.of(snapshot, [entry.path for entry in entries], lease)
    body = await context.worker.run(_rows_text, snapshot, entries, objects, expand)
    return complete_text(body, lease, headers)


def _rows_text(
    snapshot: Snapshot, entries: Sequence[RepoFile | Folder], objects: Mapping[str, LfsObject], expand: bool
) -> bytes:
    return orjson.dumps([_row(entry, snapshot, objects.get(entry.path), expand=expand) for entry in entries])


def _row(
    entry: RepoFile | Folder, snapshot: Snapshot, lfs: LfsObject | None, *, expand: bool
) -> dict[str, Any]:
    """A file or a folder, with its commit if `expand`."""
    kind, size = ("file", entry.size) if isinstance(entry, RepoFile) else ("directory", 0)
    row: dict[str, Any] = {"type": kind, "path": entry.path, "size": size, "oid": entry.oid}
    if lfs is not None:
        row["lfs"] = {"oid": lfs.sha256, "size": lfs.size, "pointerSize": lfs.pointer_size}
    if expand:
        row["lastCommit"] = {"id": snapshot.commit, "title": title(snapshot), "date": WHEN}
    return row


def title(snapshot: Snapshot) -> str:
    """The title of a snapshot's commit."""
    return f"{snapshot.recipe.id} at {snapshot.revision.name}"


async def _requested(request: Request) -> tuple[list[str], bool]:
    """The paths of the body, and whether their commit is wanted.

    Raises:
        MediaTypeError: The body is neither JSON nor a form.
        TooLargeError: The body is too large, or names too many paths.
        MalformedRequestError: The body names no paths.
    """
    form = media_type_of(request)
    if form not in {"", JSON, "text/plain", _FORM}:
        raise MediaTypeError(
            f"a body of type {form[:80]} is not read here: send {JSON} or {_FORM}",
            {"Accept-Post": f"{JSON}, {_FORM}"},
        )
    body = await read_json(request, MAX_BODY, _FEWER)
    read = _of_form if form == _FORM else _of_json
    paths, expand = await HubContext.of(request).worker.run(read, body)
    if len(paths) > MAX_PATHS:
        raise TooLargeError(f"the body names {len(paths):,} paths: {_FEWER}")
    return paths, expand


def _of_form(body: bytes) -> tuple[list[str], bool]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=2 * MAX_PATHS)
    except ValueError:
        raise MalformedRequestError(f"the body is no form in UTF-8 of few fields: {_FEWER}") from None
    expand = next((text for name, text in pairs if name == "expand"), "")
    return [text for name, text in pairs if name == "paths"], expand.lower() in {"true", "1"}


def _of_json(body: bytes) -> tuple[list[str], bool]:
    try:
        document = load(body)
    except SpecError as error:
        raise MalformedRequestError(f"{error}: {_EXAMPLE}") from None
    paths = document.get("paths") if isinstance(document, dict) else None
    if isinstance(paths, str):
        paths = [paths]
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise MalformedRequestError(f"the body is not understood: {_EXAMPLE}")
    return paths, document.get("expand") is True
