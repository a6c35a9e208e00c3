"""Download of a file in concurrent ranges, retried and verified."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from tensorseed.client.byte_ranges import Range, split
from tensorseed.client.errors import MismatchError, NetworkError
from tensorseed.client.http.connection import MIN_BYTES
from tensorseed.client.http.remote import WEIGHTS, Remote, RemoteFile
from tensorseed.client.http.retries import Backoff, TransientError
from tensorseed.client.part_file import PartFile, Target
from tensorseed.client.progress import Progress, bar
from tensorseed.client.service_recipes import recipe_spec
from tensorseed.client.source import Source

if TYPE_CHECKING:
    from tensorseed.devices.local import LocalSettings
    from tensorseed.files.virtual_file import VirtualFile

REQUEST_BYTES = 32 << 20  # of one range

Store = Callable[[int, bytes], None]
"""Takes the bytes that arrive, and the offset of the first one in the file."""


class Fetched(NamedTuple):
    """A file that was written: its size, its SHA-256 in hex, and the bytes that this took in so many seconds.

    The digest is None where nothing computed it.
    """

    size: int
    digest: str | None
    nbytes: int
    seconds: float

    @classmethod
    def of(cls, part: PartFile, before: int, begun: float, digest: str | None) -> Self:
        """The report of a part that is whole, which had `before` bytes at the time `begun`."""
        return cls(part.size, digest, part.size - before, time.monotonic() - begun)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `fetch`; `local` reads the settings of what is computed here.

    `restart` begins anew where a part is there; `force` overwrites other files too.
    """

    output: Path
    local: Callable[[], LocalSettings]
    connections: int = 4
    attempts: int = 8
    verify: bool = True
    restart: bool = False
    force: bool = False
    quiet: bool = False
    key: str | None = None
    backoff: Callable[[int], Backoff] = Backoff

    def target(self, source: Source) -> Target:
        """Return the file to write, which is never one that the source was read from."""
        return Target(self.output, source.inputs, restart=self.restart, force=self.force)


async def fetch_from(urls: Sequence[str], source: Source, options: Options) -> Fetched:
    """Download a file from servers that all have it.

    Raises:
        RefusedError: the servers refuse the spec or the request.
        NetworkError: no server answered as it should, even after several attempts.
        MismatchError: the bytes are not the right ones.
        DiskError: the output cannot be written.
    """
    options.target(source).check()
    remote = Remote(urls, options.key, options.connections, lambda: options.backoff(options.attempts))
    async with remote:
        if source.recipe is not None:
            source = Source(spec=await recipe_spec(remote, source.recipe, of_library=source.base is None))
        return await fetch_file(remote, await find(remote, source), source, options)


async def fetch_file(remote: Remote, file: RemoteFile, source: Source, options: Options) -> Fetched:
    """Download the file of a source. The key and attempts are those of `remote`.

    Raises:
        RefusedError: the servers refuse the request.
        NetworkError: no server answered as it should, even after several attempts.
        MismatchError: the bytes are not the right ones.
        DiskError: the output cannot be written.
    """
    etag, size = file.answer.etag, file.answer.size
    with PartFile(options.target(source), etag, size) as part:
        before, begun = part.done.total, time.monotonic()
        with bar(options.output.name, size, before, quiet=options.quiet) as progress:
            await download(remote, file, part, options.connections, progress)
        report = Fetched.of(part, before, begun, None)
        if options.verify:
            try:
                digest = await verified_digest(remote, file, part.path, source, options)
            except MismatchError:
                part.discard()
                raise
            report = report._replace(digest=digest)
        part.finish()
    return report


def compute(source: Source, options: Options) -> Fetched:
    """Compute a file on all cores straight into the output.

    Raises:
        RefusedError: the spec is not valid, or this host cannot compute it.
        DiskError: the output cannot be written.
    """
    from tensorseed.client.local_compute import file_of

    target = options.target(source)
    target.check()
    return compute_file(file_of(source), target, options)


def compute_file(file: VirtualFile, target: Target, options: Options) -> Fetched:
    """Compute a file on all cores straight into its target.

    Raises:
        RefusedError: this host cannot compute it.
        DiskError: the target cannot be written.
    """
    from tensorseed.client.integrity import file_digest
    from tensorseed.client.local_compute import compute_into

    with PartFile(target, f'"{file.digest}"', file.size) as part:
        before, begun = part.done.total, time.monotonic()
        with bar(options.output.name, file.size, before, quiet=options.quiet) as progress:
            digest = compute_into(part, file, options.local(), progress)
        report = Fetched.of(part, before, begun, digest or file_digest(part.path))
        part.finish()
    return report


async def download(
    remote: Remote,
    file: RemoteFile,
    part: PartFile,
    connections: int,
    progress: Progress,
    request_bytes: int = REQUEST_BYTES,
) -> None:
    """Download the missing bytes of `part`, and keep those that arrived where this fails."""
    missing = part.missing()
    if file.path is None:
        pieces = iter([(missing[0][0], file.answer.size)] if missing else [])
    else:
        pieces = split(missing, request_bytes)
    count = min(connections, sum(-(-(stop - start) // request_bytes) for start, stop in missing))

    def store(at: int, chunk: bytes) -> None:
        part.write(at, chunk)
        part.mark(at, at + len(chunk))
        progress(len(chunk))

    await gather([_drain(remote, file, pieces, store) for _ in range(count)])


async def gather(work: list[Coroutine[Any, Any, None]]) -> None:
    """Run coroutines concurrently; the first that fails cancels the others, and its error is raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _drain(remote: Remote, file: RemoteFile, pieces: Iterator[Range], store: Store) -> None:
    """Download piece after piece over one connection."""
    for piece in pieces:
        await read_range(remote, file, piece, store, "the same command goes on from here")


async def read_range(
    remote: Remote, file: RemoteFile, piece: Range, store: Store, remedy: str = "try again later"
) -> None:
    """Read a range of a file into `store`; after a broken connection, from where it broke.

    Raises:
        RefusedError: the servers refuse the request.
        NetworkError: no server answered as it should, even after several attempts.
        MismatchError: the server has another file by now.
    """
    at, stop = piece
    backoff, turn = remote.backoff(), remote.turn()
    while at < stop:
        begun = at
        try:
            async with (
                remote.stream(file, at, stop, turn + backoff.failures) as chunks,
                aclosing(chunks) as arriving,
            ):
                async for chunk in arriving:
                    if len(chunk) > stop - at:
                        raise NetworkError("the server sent more than the request names: check the URL")
                    store(at, chunk)
                    at += len(chunk)
            if at < stop:
                raise TransientError("the server sent less than the request names")
        except TransientError as error:
            if at - begun >= MIN_BYTES:
                backoff.succeeded()
            if not backoff.failed():
                raise error.final(remedy) from None
            await backoff.wait(error.retry_after)


async def find(remote: Remote, source: Source) -> RemoteFile:
    """Return the file of a source; a server plans a spec.

    Raises:
        RefusedError: the servers refuse the spec, or have no such file.
        NetworkError: no server answered as it should.
    """
    if source.spec is not None:
        return await remote.plan(source.spec)
    return await remote.head(source.path or f"{WEIGHTS}/{source.token}")


async def verified_digest(
    remote: Remote, file: RemoteFile, path: Path, source: Source, options: Options
) -> str:
    """Return the SHA-256 of the file whose bytes are right; without a server's digests, compute them here.

    Raises:
        MismatchError: the bytes are not the right ones.
    """
    from tensorseed.client.integrity import check_file, file_digest

    cancelled = threading.Event()
    hashing = asyncio.ensure_future(asyncio.to_thread(file_digest, path, cancelled.is_set))
    try:
        digests = None if file.digest_path is None else await remote.digests(file)
        own = await hashing
    finally:
        cancelled.set()
        await asyncio.gather(hashing, return_exceptions=True)
    check_file(path, source, file.answer, own, digests, options.local)
    return own
