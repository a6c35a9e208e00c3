"""The repositories: a list of them, one at a revision, its refs and commits, and who asks."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.checkpoints.errors import UnknownRepositoryError
from tensorseed.checkpoints.model import LIBRARY, architecture, card_data, model_type, task_of
from tensorseed.checkpoints.repository import Repository
from tensorseed.checkpoints.snapshot import Snapshot

from ..http.disconnect import while_present
from ..http.errors import QueryError
from ..http.negotiation import JSON
from ..http.routing import many, readable
from ..server.authentication import KEY_NAME
from .context import context_of, snapshot_at
from .documents import SNAPSHOT, filters, hub_documented, in_path
from .errors import WHOAMI
from .pagination import Query, paged
from .schemas import WHEN, Access, Commit, Model, ModelInfo, Refs, Whoami
from .trees import title
from .urls import place_of

router = APIRouter(tags=["hub"])

AUTHOR = "tensorseed"
ANYBODY = "anonymous"  # where no key is needed

_UNSTORED = {"Cache-Control": "no-store"}


@readable(
    router,
    "/api/models",
    "Models",
    responses=many(Model, "The models"),
    errors=hub_documented(QueryError),
    parameters=filters(),
)
async def get_models(request: Request) -> Response:
    """The repositories, by id."""
    query = Query(request)
    rows = map(_described, await context_of(request).library.repositories())
    found = [row for row in rows if _wanted(row, query)]
    page, headers = paged(request, query, found)
    return Response(orjson.dumps(page), headers=headers, media_type=JSON)


@readable(
    router,
    "/api/models/{repository:repository}/refs",
    "Refs",
    model=Refs,
    errors=hub_documented(*SNAPSHOT),
    parameters=in_path("repository"),
)
async def get_refs(request: Request) -> Response:
    """The refs of a repository: `main` alone, though every seed is a revision."""
    snapshot = await while_present(request, snapshot_at(request, place_of(request, "refs")))
    main = {"name": "main", "ref": "refs/heads/main", "targetCommit": snapshot.commit}
    return _json({"branches": [main], "tags": [], "converts": [], "pullRequests": []})


@readable(
    router,
    "/api/models/{repository:repository}/commits/{revision:path}",
    "Commits",
    responses=many(Commit, "The commits"),
    errors=hub_documented(*SNAPSHOT),
    parameters=in_path("repository", "revision"),
)
async def get_commits(request: Request) -> Response:
    """The commits of a revision: one."""
    snapshot = await while_present(request, snapshot_at(request, place_of(request, "commits")))
    commit = {
        "id": snapshot.commit,
        "title": title(snapshot),
        "message": "",
        "authors": [{"user": AUTHOR}],
        "date": WHEN,
    }
    return _json([commit])


@readable(
    router,
    "/api/models/{repository:repository}/revision/{revision:path}",
    "ModelRevision",
    model=ModelInfo,
    errors=hub_documented(*SNAPSHOT),
    parameters=in_path("repository", "revision"),
)
async def get_model_revision(request: Request) -> Response:
    """A repository at a revision: its commit, files and sizes."""
    snapshot = await while_present(request, snapshot_at(request, place_of(request, "revision")))
    return _json(_at(snapshot))


@readable(
    router,
    "/api/models/{repository:repository}/auth-check",
    "Access",
    model=Access,
    errors=hub_documented(UnknownRepositoryError),
    parameters=in_path("repository"),
)
async def get_access(request: Request) -> Response:
    """Whether a repository may be read: who is answered may."""
    await context_of(request).library.repository(place_of(request, "auth-check").repository)
    return _json({"access": "read"})


@readable(
    router,
    "/api/models/{repository:repository}",
    "Model",
    model=ModelInfo,
    errors=hub_documented(*SNAPSHOT),
    parameters=in_path("repository"),
)
async def get_model(request: Request) -> Response:
    """A repository at `main`: its commit, files and sizes."""
    snapshot = await while_present(request, snapshot_at(request, place_of(request)))
    return _json(_at(snapshot))


@readable(router, WHOAMI, "Whoami", model=Whoami, errors=hub_documented())
async def get_whoami(request: Request) -> Response:
    """Whose key this is: what it is called in the file of keys, if keys are needed here."""
    name = request.scope.get(KEY_NAME, ANYBODY)
    token = {"displayName": name, "role": "read", "createdAt": WHEN}
    user = {"type": "user", "id": name, "name": name, "fullname": name, "orgs": []}
    return _json({**user, "auth": {"type": "access_token", "accessToken": token}})


def _described(repository: Repository) -> dict[str, Any]:
    """What the recipe tells, without laying its tensors out."""
    recipe = repository.recipe
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
        **_described(snapshot.repository),
        "sha": snapshot.commit,
        "siblings": [
            {"rfilename": file.path, "size": file.size, "blobId": file.oid} for file in snapshot.files
        ],
        "safetensors": {"parameters": snapshot.parameters, "total": snapshot.total},
        "usedStorage": sum(file.size for file in snapshot.files),
    }


def _wanted(row: dict[str, Any], query: Query) -> bool:
    """Whether a list that is asked for so has this model. It is not gated, and nobody infers with it."""
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
