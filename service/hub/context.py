"""Dependencies of the routes of the Hub and of recipes."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from tensorseed.checkpoints.derivation import DerivationProcess
from tensorseed.checkpoints.errors import UnknownRepositoryError
from tensorseed.checkpoints.library import Library, folders
from tensorseed.checkpoints.snapshot import Snapshot

from ..http.concurrency_limit import ConcurrencyLimit
from ..http.context import Context
from ..http.errors import Limit
from ..settings import Settings
from ..worker.pools import QUICK_AT_ONCE
from ..worker.worker import Worker
from .lfs import LfsObjects
from .library import LibraryService
from .problems import COMMIT
from .urls import RepoPath

MAX_DERIVATIONS = 8  # recipes derived at a time, all but one of them waiting


@dataclass(frozen=True, slots=True)
class HubContext(Context):
    """The objects that requests for repositories and recipes share."""

    name = "hub"

    streams: ConcurrencyLimit
    library: LibraryService
    lfs: LfsObjects
    derivations: DerivationProcess
    deriving: ConcurrencyLimit

    @classmethod
    def create(cls, settings: Settings, worker: Worker, streams: ConcurrencyLimit) -> HubContext:
        """The context of one application.

        Raises:
            RecipeError: A recipe of the folders is not valid.
        """
        return cls(
            settings,
            settings.limits(),
            worker,
            streams,
            LibraryService(open_library(settings), worker, min(settings.thread_count(), QUICK_AT_ONCE)),
            LfsObjects(worker, settings.listing_digest_bytes),
            DerivationProcess(settings.recipe_seconds, settings.recipe_bytes),
            ConcurrencyLimit(Limit.DERIVATIONS, MAX_DERIVATIONS, "derives recipes"),
        )


async def has_repository(request: Request, name: str) -> bool:
    """Whether a recipe has the id."""
    try:
        await HubContext.of(request).library.repository(name)
    except UnknownRepositoryError:
        return False
    return True


async def snapshot_at(request: Request, path: RepoPath) -> Snapshot:
    """The snapshot of a repository path; later errors of the request carry its commit.

    Raises:
        UnknownRepositoryError: No recipe has the id.
        UnknownRevisionError: The repository lacks the revision.
        RecipeError: The recipe is not valid.
        TooLargeError: The recipe exceeds a limit of this service.
    """
    snapshot = await HubContext.of(request).library.snapshot(path.repository, path.revision)
    request.scope[COMMIT] = snapshot.commit
    return snapshot


async def listed_at(request: Request, path: RepoPath) -> Snapshot:
    """`snapshot_at`, once size and object id of every file are known, without texts that cannot be made.

    Raises:
        UnknownRepositoryError: No recipe has the id.
        UnknownRevisionError: The repository lacks the revision.
        RecipeError: The recipe is not valid.
        TooLargeError: The recipe exceeds a limit of this service.
    """
    return await HubContext.of(request).library.listed(await snapshot_at(request, path))


def open_library(settings: Settings) -> Library:
    """The library of the recipes that the settings name.

    Raises:
        RecipeError: A recipe of the folders is not valid.
    """
    return Library(
        folders(settings.recipes),
        settings.limits(),
        settings.shard_bytes,
        cache_tensors=settings.cache_tensors,
        recipe_seconds=settings.recipe_seconds,
        recipe_bytes=settings.recipe_bytes,
        aliases=settings.aliases,
    )
