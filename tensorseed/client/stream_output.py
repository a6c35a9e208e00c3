"""Files written to a stream, in order, as they are computed or arrive."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tensorseed.client.byte_ranges import split
from tensorseed.client.download import Fetched, Options, find, read_range
from tensorseed.client.errors import MismatchError
from tensorseed.client.http.remote import Remote, RemoteFile
from tensorseed.client.progress import bar
from tensorseed.client.service_recipes import recipe_spec
from tensorseed.client.source import Source

if TYPE_CHECKING:
    from tensorseed.files.virtual_file import VirtualFile

LENGTH_BYTES = 8  # of a safetensors file, which give the length of its header
MAX_HEADER_BYTES = 100_000_000  # the limit of the format
NAME = "standard output"

Write = Callable[[memoryview], None]
"""Takes the bytes that follow those before."""


class Sent(NamedTuple):
    """A file that was written to a stream, and whether its bytes were compared with what they should be."""

    fetched: Fetched
    verified: bool


def compute_to(source: Source, options: Options, write: Write) -> Sent:
    """Compute a file on all cores. `options.local` alone counts.

    Raises:
        RefusedError: the spec is not valid, or this host cannot compute it.
    """
    from tensorseed.client.local_compute import computation_of, file_of
    from tensorseed.files.computation import CHUNK_BYTES

    file = file_of(source)
    computation = computation_of(file, options.local())
    hashing, begun = hashlib.sha256(), time.monotonic()
    with bar(NAME, file.size, 0, quiet=options.quiet) as progress:
        pieces = split([(0, file.size)], CHUNK_BYTES)
        for _, content in computation.map(lambda span: (span, computation.read(*span)), pieces):
            write(memoryview(content.data))
            hashing.update(content.data)  # while the threads compute what follows
            progress(content.data.nbytes)
    seconds = time.monotonic() - begun
    return Sent(Fetched(file.size, hashing.hexdigest(), file.size, seconds), verified=True)


async def stream_from(urls: Sequence[str], source: Source, options: Options, write: Write) -> Sent:
    """Download a file over one connection at a time; what has been written cannot be taken back.

    Raises:
        RefusedError: the servers refuse the spec or the request.
        NetworkError: no server answered as it should, even after several attempts.
        MismatchError: the bytes that were written are not the right ones.
    """
    async with Remote(urls, options.key, 1, lambda: options.backoff(options.attempts)) as remote:
        if source.recipe is not None:
            source = Source(spec=await recipe_spec(remote, source.recipe, of_library=source.base is None))
        file = await find(remote, source)
        size = file.answer.size
        hashing, begun, head = hashlib.sha256(), time.monotonic(), bytearray()
        blob = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)  # a text's object id in git
        with bar(NAME, size, 0, quiet=options.quiet) as progress:

            def store(at: int, chunk: bytes) -> None:
                write(memoryview(chunk))
                if at < _header_stop(head):
                    head.extend(chunk)
                hashing.update(chunk)
                if source.is_text:
                    blob.update(chunk)
                progress(len(chunk))

            await read_range(remote, file, (0, size), store, "start anew")
        fetched = Fetched(size, hashing.hexdigest(), size, time.monotonic() - begun)
        if not options.verify:
            return Sent(fetched, verified=False)
        if source.is_text:
            _check(file.answer.etag == f'"{blob.hexdigest()}"', "what its ETag names")
            return Sent(fetched, verified=True)
        await _compare(remote, file, source, options, head, hashing.hexdigest())
        return Sent(fetched, verified=True)


def _header_stop(head: bytearray) -> int:
    """The offset of the first byte after the header of a file that begins so, or of its length."""
    if len(head) < LENGTH_BYTES:
        return LENGTH_BYTES
    return LENGTH_BYTES + min(int.from_bytes(head[:LENGTH_BYTES], "little"), MAX_HEADER_BYTES)


async def _compare(
    remote: Remote, file: RemoteFile, source: Source, options: Options, head: bytearray, own: str
) -> None:
    """Compare with the server's digest; without one with that of what this host computes from the header.

    Raises:
        MismatchError: it is another one.
        RefusedError: this host cannot compute it.
    """
    from tensorseed.client.integrity import check_header
    from tensorseed.client.local_file import read_local, recipe_file

    local = read_local(memoryview(bytes(head)), Path(NAME))
    check_header(local.header, source, file.answer)
    digests = None if file.digest_path is None else await remote.digests(file)
    if digests is not None:
        _check(own == digests.digest, "what the server computes")
        return
    computed = await asyncio.to_thread(_computed_digest, recipe_file(local), options)
    _check(own == computed, "what its recipe gives")


def _computed_digest(file: VirtualFile, options: Options) -> str:
    """The SHA-256 of a file that this host computes, piece by piece, on all cores."""
    from tensorseed.client.local_compute import computation_of
    from tensorseed.files.computation import CHUNK_BYTES

    computation, hashing = computation_of(file, options.local()), hashlib.sha256()
    for content in computation.map(
        lambda span: computation.read(*span), split([(0, file.size)], CHUNK_BYTES)
    ):
        hashing.update(content.data)
    return hashing.hexdigest()


def _check(equal: bool, wanted: str) -> None:
    if not equal:
        raise MismatchError(f"what was written is not {wanted}: throw it away, and fetch it again")
