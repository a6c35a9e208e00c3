"""Download of a file in concurrent ranges, retried and verified."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorseed.client.byte_ranges import Range, split
from tensorseed.client.errors import MismatchError, NetworkError
from tensorseed.client.part_file import PartFile, Target, unreadable
from tensorseed.client.progress import Progress, bar
from tensorseed.client.remote import WEIGHTS, Remote, RemoteFile
from tensorseed.client.retries import Backoff, TransientError
from tensorseed.client.source import Source
from tensorseed.concurrency.cancellation import Cancelled

if TYPE_CHECKING:
    from tensorseed.devices.local import LocalSettings

REQUEST_BYTES = 32 << 20  # of one range
HASH_BYTES = 1 << 20  # read at a time
MAX_NAMES = 10  # of tensors that differ, in one message


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


async def fetch_from(urls: Sequence[str], source: Source, options: Options) -> int:
    """Download a file from servers that all have it, and return its size.

    Raises:
        RefusedError: the servers refuse the spec or the request.
        NetworkError: no server answered as it should, even after several attempts.
        MismatchError: the bytes are not the right ones.
        DiskError: the output cannot be written.
    """
    target = _target(source, options)
    remote = Remote(urls, options.key, options.connections, lambda: options.backoff(options.attempts))
    async with remote:
        file = await _find(remote, source)
        with PartFile(target, file.etag, file.size) as part:
            with bar(options.output.name, file.size, part.done.total, quiet=options.quiet) as progress:
                await download(remote, file, part, options.connections, progress)
            if options.verify:
                await _verify(remote, file, part, options)
            part.finish()
    return file.size


def compute(source: Source, options: Options) -> int:
    """Compute a file on all cores straight into the output, and return its size.

    Raises:
        RefusedError: the spec is not valid, or this host cannot compute it.
        DiskError: the output cannot be written.
    """
    from tensorseed.client.local_compute import compute_into, file_of

    target = _target(source, options)
    file = file_of(source)
    etag = f'"{file.digest}"'
    with PartFile(target, etag, file.size) as part:
        with bar(options.output.name, file.size, part.done.total, quiet=options.quiet) as progress:
            compute_into(part, file, options.local(), progress)
        part.finish()
    return file.size


def _target(source: Source, options: Options) -> Target:
    """Return the file to write; it is checked before any work."""
    target = Target(options.output, source.inputs, restart=options.restart, force=options.force)
    target.check()
    return target


async def download(
    remote: Remote,
    file: RemoteFile,
    part: PartFile,
    connections: int,
    progress: Progress,
    request_bytes: int = REQUEST_BYTES,
) -> None:
    """Download the missing bytes of `part`, and keep those that arrived where this fails."""
    if file.path is None:
        missing = part.missing()
        pieces = deque([(missing[0][0], file.size)] if missing else [])
    else:
        pieces = deque(split(part.missing(), request_bytes))
    work = [_drain(remote, file, part, pieces, progress) for _ in range(min(connections, len(pieces)))]
    await _gather(work)


async def _gather(work: list[Coroutine[Any, Any, None]]) -> None:
    """Run coroutines concurrently; the first that fails cancels the others, and its error is raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _drain(
    remote: Remote, file: RemoteFile, part: PartFile, pieces: deque[Range], progress: Progress
) -> None:
    """Download piece after piece over one connection."""
    while pieces:
        await _download_piece(remote, file, part, pieces.popleft(), progress)


async def _download_piece(
    remote: Remote, file: RemoteFile, part: PartFile, piece: Range, progress: Progress
) -> None:
    """Download a range; after a broken connection, from where it broke."""
    at, stop = piece
    backoff, turn = remote.backoff(), remote.turn()
    while at < stop:
        try:
            async with (
                remote.stream(file, at, stop, turn + backoff.failures) as chunks,
                aclosing(chunks) as arriving,
            ):
                async for chunk in arriving:
                    if len(chunk) > stop - at:
                        raise NetworkError("the server sent more than the request names: check --url")
                    part.write(at, chunk)
                    part.mark(at, at + len(chunk))
                    at += len(chunk)
                    progress(len(chunk))
                    backoff.succeeded()
            if at < stop:
                raise TransientError("the server sent less than the request names")
        except TransientError as error:
            if not backoff.failed():
                raise NetworkError(f"{error}: the same command goes on from here") from None
            await backoff.wait(error.retry_after)


async def _find(remote: Remote, source: Source) -> RemoteFile:
    if source.spec is not None:
        return await remote.plan(source.spec)
    return await remote.head(source.path or f"{WEIGHTS}/{source.token}")


async def _verify(remote: Remote, file: RemoteFile, part: PartFile, options: Options) -> None:
    """Raise MismatchError unless the bytes are right; without a server's digests, compute them here."""
    cancelled = threading.Event()
    hashing = asyncio.ensure_future(asyncio.to_thread(file_digest, part.path, cancelled.is_set))
    try:
        digests = None if file.digest_path is None else await remote.digest(file)
        own = await hashing if digests is not None else ""
    finally:
        cancelled.set()
        await asyncio.gather(hashing, return_exceptions=True)
    try:
        if digests is not None:
            check_digest(part.path, own, digests)
        else:
            _verify_here(part, options)
    except MismatchError:
        part.discard()
        raise


def _verify_here(part: PartFile, options: Options) -> None:
    from tensorseed.client.local_file import open_local, recipe_file
    from tensorseed.client.verify import compare

    with open_local(part.path) as local:
        report = compare(local, recipe_file(local), options.local())
    if not report.equal:
        raise MismatchError(f"{part.target.path} is not what its recipe gives: fetch it again")


def file_digest(path: Path, cancelled: Cancelled = lambda: False) -> str:
    """Return the SHA-256 of a file in hex, or of a part of it if `cancelled`. Releases the GIL."""
    hashing, buffer = hashlib.sha256(), memoryview(bytearray(HASH_BYTES))
    try:
        with path.open("rb", buffering=0) as file:
            while not cancelled() and (count := file.readinto(buffer)):
                hashing.update(buffer[:count])
        return hashing.hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


def check_digest(path: Path, own: str, digests: Mapping[str, Any]) -> None:
    """Compare the digest of a file with the server's `digests`.

    Raises:
        MismatchError: it differs; the message names the tensors.
    """
    if own == digests["digest"]:
        return
    from tensorseed.client.local_file import open_local

    with open_local(path) as local:
        wrong = [
            name
            for name, tensor in local.header.tensors.items()
            if hashlib.sha256(local.data[tensor.start : tensor.stop]).hexdigest()
            != digests["tensors"].get(name)
        ]
    where = ", ".join(wrong[:MAX_NAMES]) or "its header"
    raise MismatchError(f"{path} is not what the server computes, it differs in {where}: fetch it again")
