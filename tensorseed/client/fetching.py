"""`fetch`: a file from servers, or computed in this process, whole under its name or not there at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorseed.client.digest_check import check_digest, file_digest
from tensorseed.client.download import download
from tensorseed.client.errors import MismatchError
from tensorseed.client.part_file import PartialFile
from tensorseed.client.progress import bar
from tensorseed.client.remote import WEIGHTS, Remote, RemoteFile
from tensorseed.client.retries import Backoff
from tensorseed.client.source import Target


@dataclass(frozen=True, slots=True)
class Options:
    """How to fetch. `local` gives the threads and the kernel cache of what is computed here."""

    output: Path
    connections: int = 4
    attempts: int = 8
    verify: bool = True
    restart: bool = False
    quiet: bool = False
    key: str | None = None
    local: Callable[[], tuple[int, Path | None]] = lambda: (1, None)
    backoff: Callable[[int], Backoff] = Backoff


async def fetch_from(urls: Sequence[str], target: Target, options: Options) -> int:
    """Download what `target` means from servers that all have it. The number of its bytes."""
    remote = Remote(urls, options.key, options.connections, lambda: options.backoff(options.attempts))
    async with remote:
        file = await _found(remote, target)
        with PartialFile(options.output, file.etag, file.size, restart=options.restart) as part:
            with bar(options.output.name, file.size, part.done.total, quiet=options.quiet) as progress:
                await download(remote, file, part, options.connections, progress)
            if options.verify:
                await _verify(remote, file, part, options)
            part.finish()
    return file.size


def compute(target: Target, options: Options) -> int:
    """Compute what `target` means, on all cores, straight into the file. The number of its bytes."""
    from tensorseed.client.computing import compute_into, described

    file = described(target)
    etag = f'"{file.digest}"'
    with PartialFile(options.output, etag, file.size, restart=options.restart) as part:
        with bar(options.output.name, file.size, part.done.total, quiet=options.quiet) as progress:
            compute_into(part, file, *options.local(), progress)
        part.finish()
    return file.size


async def _found(remote: Remote, target: Target) -> RemoteFile:
    if target.spec is not None:
        return await remote.plan(target.spec)
    return await remote.head(target.path or f"{WEIGHTS}/{target.token}")


async def _verify(remote: Remote, file: RemoteFile, part: PartialFile, options: Options) -> None:
    """Raise MismatchError unless the bytes are right. Where no server tells digests, compute them here."""
    cancelled = threading.Event()
    hashing = asyncio.ensure_future(asyncio.to_thread(file_digest, part.path, cancelled.is_set))
    try:
        told = None if file.digest_path is None else await remote.digest(file)
        own = await hashing if told is not None else ""
    finally:
        cancelled.set()
        await asyncio.gather(hashing, return_exceptions=True)
    try:
        if told is not None:
            check_digest(part.path, own, told)
        else:
            _verify_here(part, options)
    except MismatchError:
        part.spoil()
        raise


def _verify_here(part: PartialFile, options: Options) -> None:
    from tensorseed.client.comparison import compare
    from tensorseed.client.local_file import open_local
    from tensorseed.client.recipes import named_file

    with open_local(part.path) as file:
        report = compare(file, named_file(file), *options.local())
    if not report.equal:
        raise MismatchError(f"{part.target} is not what its recipe gives: fetch it again")
