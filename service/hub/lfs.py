"""Git LFS objects of small files of weights: SHA-256, size, pointer size.

The Hub keeps weights in Git LFS, and clients verify them by the SHA-256 that a listing has. Here it takes all
bytes of the file. So only repositories whose weights are few and cheap have it, by sizes and estimated costs
alone: what is cached, or how busy a replica is, changes no listing.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import NamedTuple
from weakref import WeakValueDictionary

from tensorseed.checkpoints.repo_files import WeightsFile
from tensorseed.checkpoints.snapshot import Snapshot
from tensorseed.concurrency.single_flight import AsyncSingleFlightCache
from tensorseed.files.costs import seconds

from ..http.concurrency_limit import refusing_preparations
from ..http.memory import MemoryLease
from ..worker.clients import CLIENT
from ..worker.scheduler import Client
from ..worker.worker import Worker
from .weights import open_weights

MAX_SECONDS = 1.0  # estimated, of one core, to draw all weights of a repository
MAX_HASHING = 32  # listings that compute digests at a time, each for milliseconds; others wait
MAX_HASHING_OF_CLIENT = 4
CACHED_DIGESTS = 1 << 16

_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"


class LfsObject(NamedTuple):
    """A file of weights as Git LFS would keep it."""

    sha256: str
    size: int

    @property
    def pointer_size(self) -> int:
        """The bytes of its pointer file, by version 1 of the specification."""
        return len(_POINTER.format(self.sha256, self.size))


class LfsObjects:
    """The objects of files, computed when a listing needs them. For one event loop."""

    def __init__(self, worker: Worker, max_bytes: int) -> None:
        """`max_bytes` bounds the weights of a repository that have objects."""
        self._worker = worker
        self._max_bytes = max_bytes
        self._digests: AsyncSingleFlightCache[str] = AsyncSingleFlightCache(CACHED_DIGESTS, lambda _: 1)
        self._hashing = asyncio.Semaphore(MAX_HASHING)
        self._of_client: WeakValueDictionary[Client, asyncio.Semaphore] = WeakValueDictionary()

    async def of(self, snapshot: Snapshot, paths: Sequence[str], lease: MemoryLease) -> dict[str, LfsObject]:
        """The objects of the files of weights among `paths`; none if the repository's weights take long.

        Raises:
            BusyError: No place is free for a preparation.
        """
        weights = [file for file in snapshot.files if isinstance(file, WeightsFile)]
        if sum(file.size for file in weights) > self._max_bytes:
            return {}
        wanted = [file for file in weights if file.path in set(paths)]
        known = {file.path: self._digests.peek(file.oid) for file in wanted}
        if None in known.values():
            if not await self._worker.run(_are_cheap, weights, lease):
                return {}
            async with self._turn():
                for file in wanted:
                    known[file.path] = await self._digests.get(file.oid, partial(self._digest, file))
        return {file.path: LfsObject(known[file.path] or "", file.size) for file in wanted}

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for a turn to compute digests: the client's own, then one among all clients."""
        client = CLIENT.get()
        own = self._of_client.get(client)
        if own is None:
            own = self._of_client[client] = asyncio.Semaphore(MAX_HASHING_OF_CLIENT)
        async with own, self._hashing:
            with refusing_preparations():
                yield

    async def _digest(self, file: WeightsFile) -> str:
        """The SHA-256 of a file whose weights are open."""
        running = hashlib.sha256()
        async with aclosing(self._worker.stream(file.weights, 0, file.size)) as chunks:
            async for chunk in chunks:
                await self._worker.hash(running.update, chunk)
        return running.hexdigest()


def _are_cheap(weights: Sequence[WeightsFile], lease: MemoryLease) -> bool:
    """Whether all weights of a repository take little time, by estimates that no state changes."""
    files = [open_weights(file, lease) for file in weights]
    return sum(seconds(file, 0, file.size, math.inf) for file in files) <= MAX_SECONDS
