"""The library as the routes see it: up to date, and telling what repositories amount to."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from tensorseed.checkpoints.errors import UnknownRepositoryError
from tensorseed.checkpoints.library import Library
from tensorseed.checkpoints.repository import Repository
from tensorseed.checkpoints.snapshot import Snapshot

from ..telemetry import span
from ..worker.worker import Worker
from .urls import MAIN

FRESH_SECONDS = 1.0  # within which the folders are not looked at again
PATIENCE = 2.0  # seconds that a request waits for a look at them, which may find a large recipe to read


class LibraryService:
    """A library whose folders are looked at when it is asked, at most once a second. For one event loop.

    Laying tensors out takes seconds for the largest recipes; of the threads that compute, one is left free
    for everything else.
    """

    def __init__(self, library: Library, worker: Worker, threads: int) -> None:
        """`threads` is how many the worker has."""
        self._library = library
        self._worker = worker
        self._laying = asyncio.Semaphore(max(1, threads - 1))
        self._looked = monotonic()
        self._looking: asyncio.Task[None] | None = None
        self._summaries: WeakKeyDictionary[Repository, dict[str, Any]] = WeakKeyDictionary()

    async def repository(self, name: str) -> Repository:
        """The repository of an id. Raises UnknownRepositoryError."""
        await self._refresh()
        return self._library.repository(name)

    async def repositories(self) -> list[Repository]:
        """All repositories, by id."""
        await self._refresh()
        found = []
        for name in self._library.ids():
            with suppress(UnknownRepositoryError):  # which another thread found removed just now
                found.append(self._library.repository(name))
        return found

    async def snapshot(self, name: str, revision: str) -> Snapshot:
        """A repository at a revision. Raises UnknownRepositoryError, UnknownRevisionError, RecipeError and
        TooLargeError.
        """
        return await self._snapshot(await self.repository(name), revision)

    async def summary(self, repository: Repository) -> dict[str, Any]:
        """What a repository amounts to; the first time it is laid out. Raises RecipeError, TooLargeError."""
        known = self._summaries.get(repository)
        if known is None:
            known = self._summaries[repository] = _summary(await self._snapshot(repository, MAIN))
        return known

    async def _snapshot(self, repository: Repository, revision: str) -> Snapshot:
        """What is kept at once; else as `Repository.snapshot` makes it. Raises what that raises."""
        known = repository.cached_snapshot(revision)
        if known is not None:
            return known
        if repository.has_layout(revision):
            return await self._taken(repository, revision)
        await self._laying.acquire()
        laying = asyncio.ensure_future(self._taken(repository, revision))
        laying.add_done_callback(lambda _: self._laying.release())  # not sooner, though the client leaves
        return await asyncio.shield(laying)

    async def _taken(self, repository: Repository, revision: str) -> Snapshot:
        with span("snapshot"):
            return await self._worker.run(repository.snapshot, revision)

    async def _refresh(self) -> None:
        """Look at the folders, if it is time. Who comes meanwhile or has waited long gets the library as it
        was.
        """
        now = monotonic()
        if now - self._looked < FRESH_SECONDS or (self._looking is not None and not self._looking.done()):
            return
        self._looked = now
        self._looking = asyncio.create_task(self._worker.run(self._library.refresh))
        done, _ = await asyncio.wait({self._looking}, timeout=PATIENCE)
        for looking in done:
            looking.result()


def _summary(snapshot: Snapshot) -> dict[str, Any]:
    recipe = snapshot.recipe
    return {
        "id": recipe.id,
        "description": recipe.description,
        "dtype": recipe.weights.dtype,
        "parameters": snapshot.total,
        "size": sum(file.size for file in snapshot.files),
        "files": len(snapshot.files),
    }
