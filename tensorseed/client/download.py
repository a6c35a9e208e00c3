"""A download: the missing ranges of a partial file, several at a time, each tried until it is there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any

from tensorseed.client.byte_ranges import Span, cut
from tensorseed.client.errors import NetworkError
from tensorseed.client.part_file import PartialFile
from tensorseed.client.progress import Progress
from tensorseed.client.remote import PassingError, Remote, RemoteFile

PIECE = 32 << 20  # bytes of one request


async def download(
    remote: Remote,
    file: RemoteFile,
    part: PartialFile,
    connections: int,
    progress: Progress,
    piece: int = PIECE,
) -> None:
    """Fill `part` with what it lacks of `file`. What has come stays where this fails."""
    if file.path is None:
        missing = part.missing()
        pieces = deque([(missing[0][0], file.size)] if missing else [])
    else:
        pieces = deque(cut(part.missing(), piece))
    work = [_drain(remote, file, part, pieces, progress) for _ in range(min(connections, len(pieces)))]
    await _all(work)


async def _all(work: list[Coroutine[Any, Any, None]]) -> None:
    """Run them side by side; the first that fails ends the others, and its error is raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _drain(
    remote: Remote, file: RemoteFile, part: PartialFile, pieces: deque[Span], progress: Progress
) -> None:
    """One connection: piece after piece, until none is left."""
    while pieces:
        await _piece(remote, file, part, pieces.popleft(), progress)


async def _piece(remote: Remote, file: RemoteFile, part: PartialFile, span: Span, progress: Progress) -> None:
    """The bytes of a span; a connection that breaks is taken up again where it broke."""
    at, stop = span
    backoff, turn = remote.backoff(), remote.turn()
    while at < stop:
        try:
            async with (
                remote.stream(file, at, stop, turn + backoff.failures) as chunks,
                aclosing(chunks) as arriving,
            ):
                async for chunk in arriving:
                    if len(chunk) > stop - at:
                        raise NetworkError("the server sent more than was asked for: check --url")
                    part.put(at, chunk)
                    part.mark(at, at + len(chunk))
                    at += len(chunk)
                    progress(len(chunk))
                    backoff.succeeded()
            if at < stop:
                raise PassingError("the server sent less than was asked for")
        except PassingError as error:
            if not backoff.failed():
                raise NetworkError(f"{error}: the same command goes on from here") from None
            await backoff.wait(error.seconds)
