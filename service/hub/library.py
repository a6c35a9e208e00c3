"""Library of recipes, reloaded on change, with repository summaries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from tensorseed.checkpoints.errors import RecipeError, UnknownRepositoryError
from tensorseed.checkpoints.generated_texts import UNEXPECTED, UnmadeTextError
from tensorseed.checkpoints.library import Library
from tensorseed.checkpoints.repo_files import GeneratedFile, RepoFile
from tensorseed.checkpoints.repository import Repository
from tensorseed.checkpoints.snapshot import Snapshot
from tensorseed.errors import TooLargeError

from ..telemetry import span
from ..worker.worker import Worker
from .urls import MAIN

T = TypeVar("T")

_log = logging.getLogger(__name__)

FRESH_SECONDS = 1.0  # between two checks of the folders
REFRESH_SECONDS = 2.0  # that a request waits for a check, which may read a large recipe


class LibraryService:
    """A library whose folders are checked by its requests, at most once a second. For one event loop.

    The layout of a large recipe takes seconds, and the text of a large vocabulary up to one. One of the
    worker's threads stays free of them.
    """

    def __init__(self, library: Library, worker: Worker, threads: int) -> None:
        """`threads` is the number of the worker's threads."""
        self._library = library
        self._worker = worker
        self._layouts = asyncio.Semaphore(max(1, threads - 1))
        self._checked = monotonic()
        self._checking: asyncio.Task[None] | None = None
        self._summaries: WeakKeyDictionary[Repository, dict[str, Any]] = WeakKeyDictionary()
        self._listings: WeakKeyDictionary[Repository, dict[str, Any]] = WeakKeyDictionary()

    async def repository(self, name: str) -> Repository:
        """The repository of an id.

        Raises:
            UnknownRepositoryError: No recipe has the id.
        """
        await self._refresh()
        return self._library.repository(name)

    def base(self, name: str) -> dict[str, Any] | None:
        """What an adapter finds by the id of its base, of the recipes read before; None without one."""
        with suppress(UnknownRepositoryError):
            return self._library.repository(name).recipe.base
        return None

    async def repositories(self) -> list[Repository]:
        """All repositories, by id."""
        await self._refresh()
        found = []
        for name in self._library.ids():
            with suppress(UnknownRepositoryError):  # removed meanwhile by another thread
                found.append(self._library.repository(name))
        return found

    async def snapshot(self, name: str, revision: str) -> Snapshot:
        """A repository at a revision.

        Raises:
            UnknownRepositoryError: No recipe has the id.
            UnknownRevisionError: The repository lacks the revision.
            RecipeError: The recipe is not valid.
            TooLargeError: The recipe exceeds a limit of this service.
        """
        return await self._snapshot(await self.repository(name), revision)

    async def summary(self, repository: Repository) -> dict[str, Any]:
        """The totals of a repository, from its layout.

        Raises:
            RecipeError: The recipe is not valid.
            TooLargeError: The recipe exceeds a limit of this service.
        """
        known = self._summaries.get(repository)
        if known is None:
            known = self._summaries[repository] = (await self._snapshot(repository, MAIN)).summary()
        return known

    async def listing(self, repository: Repository) -> dict[str, Any]:
        """The commit of `main` and the paths of its files, as a list of models has them.

        Texts of shipped recipes are not made for it: that takes seconds, and all of them can be.

        Raises:
            RecipeError: The recipe is not valid.
            TooLargeError: The recipe exceeds a limit of this service.
        """
        known = self._listings.get(repository)
        if known is None:
            snapshot = await self._snapshot(repository, MAIN)
            if not self._library.is_shipped(repository):
                snapshot = await self.listed(snapshot)
            siblings = [{"rfilename": file.path} for file in snapshot.files]
            known = self._listings[repository] = {"sha": snapshot.commit, "siblings": siblings}
        return known

    async def of_list(self, read: Callable[[Repository], Awaitable[T]], repository: Repository) -> T | None:
        """What `read` gives of a repository; None where it cannot be served, since lists have the others."""
        try:
            return await read(repository)
        except (RecipeError, TooLargeError):  # larger than this service allows
            return None
        except UNEXPECTED:
            _log.warning("the recipe %s is left out of lists", repository.id, exc_info=True)
            return None

    async def listed(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot once size and object id of every file are known, without texts that cannot be made."""
        unmade = set()
        for file in snapshot.files:
            try:
                await self.make_ready(file)
            except UnmadeTextError:
                unmade.add(file.path)
        if not unmade:
            return snapshot
        return replace(snapshot, files=tuple(file for file in snapshot.files if file.path not in unmade))

    async def make_ready(self, file: RepoFile) -> None:
        """Make sure that size and object id of a file are known.

        Raises:
            UnmadeTextError: It is a generated text that cannot be made.
        """
        if isinstance(file, GeneratedFile):
            if file.is_ready:
                file.facts()
            else:
                await self._bounded(file.facts)

    async def text(self, file: RepoFile) -> bytes:
        """The text of a file that is no weights."""
        if isinstance(file, GeneratedFile):
            made = file.cached_text
            return await self._bounded(file.read) if made is None else made
        return file.text or b""

    async def _snapshot(self, repository: Repository, revision: str) -> Snapshot:
        known = repository.cached_snapshot(revision)
        if known is not None:
            return known
        if repository.has_layout(revision):
            return await self._compute(lambda: repository.snapshot(revision))
        return await self._bounded(lambda: repository.snapshot(revision))

    async def _compute(self, compute: Callable[[], T]) -> T:
        with span("snapshot"):
            return await self._worker.run(compute)

    async def _bounded(self, compute: Callable[[], T]) -> T:
        """The result of what may take a second, while one thread stays free of such work."""
        await self._layouts.acquire()
        task = asyncio.ensure_future(self._compute(compute))
        task.add_done_callback(lambda _: self._layouts.release())  # at its end, even if the client leaves
        return await asyncio.shield(task)

    async def _refresh(self) -> None:
        """Check the folders, if it is time. Requests during a long check get the library as it was."""
        now = monotonic()
        if now - self._checked < FRESH_SECONDS or (self._checking is not None and not self._checking.done()):
            return
        self._checked = now
        self._checking = asyncio.create_task(self._worker.run(self._library.refresh))
        done, _ = await asyncio.wait({self._checking}, timeout=REFRESH_SECONDS)
        for check in done:
            check.result()
