"""Routes of repositories: lists, revisions, refs, commits and the user."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.checkpoints.errors import UnknownRepositoryError
from tensorseed.checkpoints.model_facts import (
    architecture,
    base_model,
    card_data,
    library_name,
    model_type,
    pipeline_class,
    task_of,
)
from tensorseed.checkpoints.recipe import Recipe
from tensorseed.checkpoints.repo_files import RepoFile
from tensorseed.checkpoints.snapshot import Snapshot

from ..http.disconnect import cancel_on_disconnect
from ..http.errors import BusyError, QueryError
from ..http.memory import lease_of
from ..http.negotiation import JSON
from ..http.openapi import Responses, json_list_answer
from ..http.request_context import KEY_NAME
from ..http.routing import get_and_head
from .context import HubContext, listed_at, snapshot_at
from .lfs import LfsObject
from .openapi import SNAPSHOT, in_path, model_parameters, search_parameters
from .pagination import Query, paged
from .problems import HUB_PROBLEMS
from .schemas import WHEN, Commit, ListedModel, ModelInfo, Refs, RepositoryAccess, Whoami
from .trees import title
from .urls import WHOAMI, RepoPath, parse_repo_path

router = APIRouter(tags=["hub"])

AUTHOR = "tensorseed"
ANONYMOUS = "anonymous"  # without a key
MAX_PAGE = 500  # models; the JavaScript client asks for so many when it wants all

_UNSTORED = {"Cache-Control": "no-store"}
_EMPTY: Responses = {
    200: {
        "x-name": "EmptyList",
        "description": "An empty list",
        "content": {JSON: {"schema": {"type": "array", "items": {}, "maxItems": 0}}},
    }
}


@get_and_head(
    router,
    "/api/models",
    "Models",
    responses=json_list_answer(ListedModel, "The models"),
    errors=HUB_PROBLEMS.documented(QueryError),
    parameters=search_parameters(),
)
async def get_models(request: Request) -> Response:
    """The repositories, by id. With `full` each has its commit and files."""
    return await cancel_on_disconnect(request.receive, _models(request))


@get_and_head(
    router,
    "/api/datasets",
    "Datasets",
    responses=_EMPTY,
    errors=HUB_PROBLEMS.documented(),
)
async def get_datasets(_request: Request) -> Response:
    """No datasets: this service has models alone."""
    return _json([])


@get_and_head(
    router,
    "/api/spaces",
    "Spaces",
    responses=_EMPTY,
    errors=HUB_PROBLEMS.documented(),
)
async def get_spaces(_request: Request) -> Response:
    """No spaces: this service has models alone."""
    return _json([])


@get_and_head(
    router,
    "/api/models/{repository:repository}/refs",
    "Refs",
    model=Refs,
    errors=HUB_PROBLEMS.documented(*SNAPSHOT),
    parameters=in_path("repository"),
)
async def get_refs(request: Request) -> Response:
    """The refs of a repository: `main` alone, though every seed is a revision."""
    snapshot = await cancel_on_disconnect(
        request.receive, snapshot_at(request, parse_repo_path(request, "refs"))
    )
    main = {"name": "main", "ref": "refs/heads/main", "targetCommit": snapshot.commit}
    return _json({"branches": [main], "tags": [], "converts": [], "pullRequests": []})


@get_and_head(
    router,
    "/api/models/{repository:repository}/commits/{revision:path}",
    "Commits",
    responses=json_list_answer(Commit, "The commits"),
    errors=HUB_PROBLEMS.documented(*SNAPSHOT),
    parameters=in_path("repository", "revision"),
)
async def get_commits(request: Request) -> Response:
    """The commits of a revision: one."""
    snapshot = await cancel_on_disconnect(
        request.receive, snapshot_at(request, parse_repo_path(request, "commits"))
    )
    commit = {
        "id": snapshot.commit,
        "title": title(snapshot),
        "message": "",
        "authors": [{"user": AUTHOR}],
        "date": WHEN,
    }
    return _json([commit])


@get_and_head(
    router,
    "/api/models/{repository:repository}/revision/{revision:path}",
    "ModelRevision",
    model=ModelInfo,
    errors=HUB_PROBLEMS.documented(*SNAPSHOT, BusyError),
    parameters=[*in_path("repository", "revision"), *model_parameters()],
)
async def get_model_revision(request: Request) -> Response:
    """A repository at a revision: its commit, files and sizes."""
    return await cancel_on_disconnect(request.receive, _model(request, parse_repo_path(request, "revision")))


@get_and_head(
    router,
    "/api/models/{repository:repository}/auth-check",
    "Access",
    model=RepositoryAccess,
    errors=HUB_PROBLEMS.documented(UnknownRepositoryError),
    parameters=in_path("repository"),
)
async def get_access(request: Request) -> Response:
    """Whether a repository may be read: an answer means yes."""
    await HubContext.of(request).library.repository(parse_repo_path(request, "auth-check").repository)
    return _json({"access": "read"})


@get_and_head(
    router,
    "/api/models/{repository:repository}",
    "Model",
    model=ModelInfo,
    errors=HUB_PROBLEMS.documented(*SNAPSHOT, BusyError),
    parameters=[*in_path("repository"), *model_parameters()],
)
async def get_model(request: Request) -> Response:
    """A repository at `main`: its commit, files and sizes."""
    return await cancel_on_disconnect(request.receive, _model(request, parse_repo_path(request)))


@get_and_head(router, WHOAMI, "Whoami", model=Whoami, errors=HUB_PROBLEMS.documented())
async def get_whoami(request: Request) -> Response:
    """The name of the request's key; anonymous in a service without keys."""
    name = request.scope.get(KEY_NAME, ANONYMOUS)
    token = {"displayName": name, "role": "read", "createdAt": WHEN}
    user = {"type": "user", "id": name, "name": name, "fullname": name, "orgs": []}
    return _json({**user, "auth": {"type": "access_token", "accessToken": token}})


async def _models(request: Request) -> Response:
    query, library = Query(request), HubContext.of(request).library
    repositories = [
        repository
        for repository in await library.repositories()
        if _selected(_described(repository.recipe), query)
    ]
    page, headers = paged(query, repositories, MAX_PAGE)
    rows = []
    for repository in page:
        row = _described(repository.recipe)
        if query.flag("full"):
            row |= await library.of_list(library.listing, repository) or {}
        rows.append(row)
    return Response(orjson.dumps(rows), headers=headers, media_type=JSON)


async def _model(request: Request, path: RepoPath) -> Response:
    """The repository at a commit. With `blobs` small files of weights have their LFS objects."""
    snapshot = await listed_at(request, path)
    objects: Mapping[str, LfsObject] = {}
    if Query(request).flag("blobs"):
        paths = [file.path for file in snapshot.files]
        objects = await HubContext.of(request).lfs.of(snapshot, paths, lease_of(request))
    return _json(_at(snapshot, objects))


def _described(recipe: Recipe) -> dict[str, Any]:
    """The model as its recipe describes it, without a layout of its tensors."""
    namespace, _, _ = recipe.id.rpartition("/")
    task, kind, name = task_of(recipe), model_type(recipe), architecture(recipe)
    library, pipeline, base = library_name(recipe), pipeline_class(recipe), base_model(recipe)
    tags = [library, "safetensors", kind, task, "tensorseed", "random-weights"]
    tags += [pipeline and f"diffusers:{pipeline}", base and f"base_model:{base}"]
    return {
        "_id": hashlib.sha256(recipe.id.encode()).hexdigest()[:24],
        "id": recipe.id,
        "modelId": recipe.id,
        "aliases": recipe.aliases,
        "author": namespace or None,
        "createdAt": WHEN,
        "lastModified": WHEN,
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [tag for tag in tags if tag],
        "pipeline_tag": task,
        "library_name": library,
        "config": {"model_type": kind, "architectures": [name] if name else []},
        "cardData": card_data(recipe),
    }


def _at(snapshot: Snapshot, objects: Mapping[str, LfsObject]) -> dict[str, Any]:
    """The repository at a commit."""
    return {
        **_described(snapshot.recipe),
        "sha": snapshot.commit,
        "siblings": [_sibling(file, objects.get(file.path)) for file in snapshot.files],
        "safetensors": {"parameters": snapshot.parameters, "total": snapshot.total},
        "usedStorage": sum(file.size for file in snapshot.files),
    }


def _sibling(file: RepoFile, lfs: LfsObject | None) -> dict[str, Any]:
    row: dict[str, Any] = {"rfilename": file.path, "size": file.size, "blobId": file.oid}
    if lfs is not None:
        row["lfs"] = {"sha256": lfs.sha256, "size": lfs.size, "pointerSize": lfs.pointer_size}
    return row


def _selected(row: dict[str, Any], query: Query) -> bool:
    """Whether a query selects this model, by its id or an alias.

    It is not gated and has no inference provider.
    """
    unserved = ("inference", "inference_provider", "apps")
    search, author = query.text("search").lower(), query.text("author").lower()
    names = [name.lower() for name in (row["id"], *row["aliases"])]
    return (
        any(search in name for name in names)
        and (not author or author in {name.rpartition("/")[0] for name in names})
        and query.text("pipeline_tag") in {"", row["pipeline_tag"]}
        and set(query.texts("filter")) <= set(row["tags"])
        and not query.flag("gated")
        and not any(query.text(name) for name in unserved)
    )


def _json(document: object) -> Response:
    return Response(orjson.dumps(document), headers=_UNSTORED, media_type=JSON)
