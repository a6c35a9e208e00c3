"""Routes of repositories: lists, revisions, refs, commits and the user."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.checkpoints.errors import UnknownRepositoryError
from tensorseed.checkpoints.recipe import LIBRARY, Recipe, architecture, card_data, model_type, task_of
from tensorseed.checkpoints.snapshot import Snapshot

from ..http.disconnect import cancel_on_disconnect
from ..http.errors import QueryError
from ..http.negotiation import JSON
from ..http.openapi import json_list_answer
from ..http.request_context import KEY_NAME
from ..http.routing import get_and_head
from .context import HubContext, listed_at, snapshot_at
from .openapi import SNAPSHOT, in_path, search_parameters
from .pagination import Query, paged
from .problems import HUB_PROBLEMS
from .schemas import WHEN, Access, Commit, Model, ModelInfo, Refs, Whoami
from .trees import title
from .urls import WHOAMI, parse_repo_path

router = APIRouter(tags=["hub"])

AUTHOR = "tensorseed"
ANONYMOUS = "anonymous"  # without a key
MAX_PAGE = 500  # models; the JavaScript client asks for so many when it wants all

_UNSTORED = {"Cache-Control": "no-store"}


@get_and_head(
    router,
    "/api/models",
    "Models",
    responses=json_list_answer(Model, "The models"),
    errors=HUB_PROBLEMS.documented(QueryError),
    parameters=search_parameters(),
)
async def get_models(request: Request) -> Response:
    """The repositories, by id."""
    query = Query(request)
    repositories = await HubContext.of(request).library.repositories()
    rows = (_described(repository.recipe) for repository in repositories)
    found = [row for row in rows if _selected(row, query)]
    page, headers = paged(query, found, MAX_PAGE)
    return Response(orjson.dumps(page), headers=headers, media_type=JSON)


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
    errors=HUB_PROBLEMS.documented(*SNAPSHOT),
    parameters=in_path("repository", "revision"),
)
async def get_model_revision(request: Request) -> Response:
    """A repository at a revision: its commit, files and sizes."""
    snapshot = await cancel_on_disconnect(
        request.receive, listed_at(request, parse_repo_path(request, "revision"))
    )
    return _json(_at(snapshot))


@get_and_head(
    router,
    "/api/models/{repository:repository}/auth-check",
    "Access",
    model=Access,
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
    errors=HUB_PROBLEMS.documented(*SNAPSHOT),
    parameters=in_path("repository"),
)
async def get_model(request: Request) -> Response:
    """A repository at `main`: its commit, files and sizes."""
    snapshot = await cancel_on_disconnect(request.receive, listed_at(request, parse_repo_path(request)))
    return _json(_at(snapshot))


@get_and_head(router, WHOAMI, "Whoami", model=Whoami, errors=HUB_PROBLEMS.documented())
async def get_whoami(request: Request) -> Response:
    """The name of the request's key; anonymous in a service without keys."""
    name = request.scope.get(KEY_NAME, ANONYMOUS)
    token = {"displayName": name, "role": "read", "createdAt": WHEN}
    user = {"type": "user", "id": name, "name": name, "fullname": name, "orgs": []}
    return _json({**user, "auth": {"type": "access_token", "accessToken": token}})


def _described(recipe: Recipe) -> dict[str, Any]:
    """The model as its recipe describes it, without a layout of its tensors."""
    namespace, _, _ = recipe.id.rpartition("/")
    task, kind, name = task_of(recipe), model_type(recipe), architecture(recipe)
    tags = [LIBRARY, "safetensors", kind, task, "tensorseed", "random-weights"]
    return {
        "_id": hashlib.sha256(recipe.id.encode()).hexdigest()[:24],
        "id": recipe.id,
        "modelId": recipe.id,
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
        "library_name": LIBRARY,
        "config": {"model_type": kind, "architectures": [name] if name else []},
        "cardData": card_data(recipe),
    }


def _at(snapshot: Snapshot) -> dict[str, Any]:
    """The repository at a commit."""
    return {
        **_described(snapshot.recipe),
        "sha": snapshot.commit,
        "siblings": [
            {"rfilename": file.path, "size": file.size, "blobId": file.oid} for file in snapshot.files
        ],
        "safetensors": {"parameters": snapshot.parameters, "total": snapshot.total},
        "usedStorage": sum(file.size for file in snapshot.files),
    }


def _selected(row: dict[str, Any], query: Query) -> bool:
    """Whether a query selects this model. It is not gated and has no inference provider."""
    unserved = ("inference", "inference_provider", "apps")
    return (
        query.text("search").lower() in row["id"].lower()
        and query.text("author") in {"", row["author"]}
        and query.text("pipeline_tag") in {"", row["pipeline_tag"]}
        and set(query.texts("filter")) <= set(row["tags"])
        and not query.flag("gated")
        and not any(query.text(name) for name in unserved)
    )


def _json(document: object) -> Response:
    return Response(orjson.dumps(document), headers=_UNSTORED, media_type=JSON)
