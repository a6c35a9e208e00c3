"""Reading of tensors and slices of a remote file by ranges of its bytes."""

from __future__ import annotations

import asyncio
import hashlib
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tensorseed.client.byte_ranges import Range, split
from tensorseed.client.download import Options, Store, fetch_file, find, gather, read_range
from tensorseed.client.errors import MismatchError
from tensorseed.client.http.answers import FileAnswer, one_line
from tensorseed.client.http.remote import WEIGHTS, Remote, RemoteFile
from tensorseed.client.integrity import check_header
from tensorseed.client.source import Source
from tensorseed.devices.local import local_settings
from tensorseed.errors import UnrepresentableError
from tensorseed.files.header import (
    LENGTH_BYTES,
    MAX_HEADER_BYTES,
    HeaderEntry,
    HeaderError,
    read_header,
    write_header,
)
from tensorseed.files.indexing import parts
from tensorseed.files.slices import Box, is_contiguous
from tensorseed.files.virtual_file import header_digest
from tensorseed.sampling.distributions.base import Storage
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.spec.spec_token import token_of

HEAD_BYTES = 1 << 16  # of the first request, which most headers fit into
REQUEST_BYTES = 8 << 20  # of one range
MIN_SKIPPED_BYTES = 1 << 16  # between the elements of a slice: fewer are cheaper read than skipped
MAX_PARTS = 256  # requests of one index
SLICED_TENSOR = "tensorseed.tensor"  # in the metadata of a slice
MAX_HELD_BYTES = 64 << 20  # of a file without a URL, which is then read once

Connections = Callable[[], Remote]
_DTYPES: Mapping[str, DType] = {dtype.code: dtype for dtype in DTYPES.values()}


class _Job(NamedTuple):
    """Bytes of a file to read, and where they go."""

    file: RemoteFile
    span: Range
    store: Store


class RemoteReader:
    """Reads a safetensors file of the servers, whose header it has checked.

    Every answer is compared with the file's entity tag.
    `remote` returns the connections of the running event loop; a forked process has a loop of its own.
    """

    def __init__(
        self, remote: Connections, file: RemoteFile, source: Source, content: bytes, connections: int
    ) -> None:
        """`content` begins with the header; a file that it is all of is not read again.

        Raises:
            MismatchError: the header breaks the format, or is that of another file.
        """
        self._remote = remote
        self._file = file
        self._source = source
        self._connections = connections
        self.max_blocks = 1 if file.path is None else MAX_PARTS  # of a tensor, each with requests of its own
        self.max_block_bytes = file.answer.size if file.path is None else REQUEST_BYTES
        self._held = content if len(content) == file.answer.size else None
        try:
            item_bytes = {code: dtype.itemsize for code, dtype in _DTYPES.items()}
            self.header = read_header(memoryview(content), item_bytes=item_bytes)
        except HeaderError as error:
            where = "" if error.tensor is None else f" ({one_line(error.tensor)})"
            raise MismatchError(
                f"the server's file is no safetensors file, since {error.fault}{where}: check the URL"
            ) from None
        check_header(self.header, source, file.answer)
        if not source.of_repository and file.answer.etag != f'"{header_digest(self.header.content)}"':
            raise MismatchError("the ETag of the file is not that of its header: check the URL")

    @classmethod
    async def open(cls, remote: Connections, source: Source, connections: int) -> Self:
        """Find the file of a source and read its header.

        Raises:
            RefusedError: the servers refuse the spec, or have no such file.
            NetworkError: no server answered as it should.
            MismatchError: the file is another one, or breaks the format.
        """
        file = await find(remote(), source)
        size = file.answer.size
        first = size if file.path is None and size <= MAX_HELD_BYTES else min(size, HEAD_BYTES)
        content = await _bytes(remote(), file, 0, first)
        stop = min(LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little"), size, MAX_HEADER_BYTES)
        if stop > first:
            content += await _bytes(remote(), file, first, stop)
        return await asyncio.to_thread(cls, remote, file, source, content, connections)

    @property
    def size(self) -> int:
        """The bytes of the file."""
        return self._file.answer.size

    @property
    def etag(self) -> str:
        """The entity tag of the file."""
        return self._file.answer.etag

    @property
    def token(self) -> str:
        """The token of the spec, which may be longer than a URL allows."""
        return self._file.answer.token or token_of(self._recipe)

    @property
    def location(self) -> str:
        """The spec, the token or the URL of the file."""
        source = self._source
        return source.token or (source.base or "") + (source.path or "") or (source.spec or b"").decode()

    @property
    def slice_url(self) -> str | None:
        """The URL of a slice; None for a whole file."""
        return self.location if SLICED_TENSOR in self.header.metadata else None

    @property
    def _recipe(self) -> bytes:
        return self.header.metadata.get("tensorseed.recipe", "").encode(errors="replace")

    def dtype(self, name: str) -> DType:
        """Return the dtype of a tensor."""
        return _DTYPES[self.header.tensors[name].dtype]

    async def read(self, name: str, ranges: Sequence[range]) -> Storage:
        """Read the elements of a tensor at the product of `ranges`; see `ElementReader`."""
        entry, shape = self.header.tensors[name], tuple(map(len, ranges))
        out = np.empty(shape, _DTYPES[entry.dtype].storage)
        if not out.size:
            return out
        jobs, copies = [], []
        for box, selected, place in parts(
            ranges, entry.shape, MIN_SKIPPED_BYTES // out.itemsize, self.max_blocks
        ):
            if is_contiguous(box) and box.shape == shape and all(chosen.step == 1 for chosen in ranges):
                jobs.append(self._run_of(entry, box, out))
                continue
            job, found = self._part(name, entry, box, out.dtype)
            jobs.append(job)
            copies.append((place, found, selected))
        await self._read(jobs)
        for place, found, selected in copies:
            out[place] = found[selected]
        return out

    async def fill(self, arrays: Mapping[str, Storage]) -> None:
        """Read whole tensors into arrays; see `Weights`."""
        found = [(self.header.tensors[name], _octets(array)) for name, array in arrays.items()]
        found = sorted((pair for pair in found if len(pair[1])), key=lambda pair: pair[0].start)
        if not found:
            return
        starts, outs = [entry.start for entry, _ in found], [out for _, out in found]
        spans: list[Range] = []
        for entry, _ in found:
            near = spans and (entry.start == spans[-1][1] or self._file.path is None)
            spans[-1:] = [(spans[-1][0], entry.stop)] if near else [*spans[-1:], (entry.start, entry.stop)]

        def store(at: int, chunk: bytes) -> None:
            _scatter(at, chunk, starts, outs)

        await self._read([_Job(self._file, span, store) for span in spans])

    async def plan(self) -> dict[str, Any]:
        """Return the servers' plan of the file.

        Raises:
            UnrepresentableError: the file is a slice.
        """
        if self.slice_url is not None:
            raise UnrepresentableError(
                "a slice has no plan: open the file of its token for that of the whole"
            )
        return await self._remote().plan_document(self._source.spec or self._recipe)

    async def save(self, path: Path) -> None:
        """Download the file to `path` and verify it; a file that is there is replaced."""
        options = Options(path, local_settings, self._connections, force=True, quiet=True)
        options.target(self._source).check()
        await fetch_file(self._remote(), self._file, self._source, options)

    async def digest(self) -> str:
        """Return the SHA-256 of the file as the servers compute it, or that of the bytes that they send."""
        asked = self._held is None and self._file.digest_path is not None
        digests = await self._remote().digests(self._file) if asked else None
        if digests is not None:
            return digests.digest
        hashing = hashlib.sha256(self._held or b"")

        def store(_: int, chunk: bytes) -> None:
            hashing.update(chunk)

        if self._held is None:
            await read_range(self._remote(), self._file, (0, self.size), store)
        return hashing.hexdigest()

    def _run_of(self, entry: HeaderEntry, box: Box, out: Storage) -> _Job:
        """Return the job that reads contiguous elements of the file into an array."""
        start = entry.start + box.element(0) * out.itemsize
        return _Job(self._file, (start, start + out.nbytes), _writer(start, out))

    def _part(self, name: str, entry: HeaderEntry, box: Box, dtype: np.dtype[Any]) -> tuple[_Job, Storage]:
        """Return the job that reads a box, and the array that it fills."""
        elements = math.prod(box.shape)
        first, last = box.element(0), box.element(elements - 1)
        skipped = (last + 1 - first - elements) * dtype.itemsize
        path = self._slice_path(name, box) if skipped >= MIN_SKIPPED_BYTES else None
        if path is None:
            flat = np.empty(last + 1 - first, dtype)
            sizes = entry.shape
            strides = [math.prod(sizes[axis + 1 :]) * dtype.itemsize for axis in range(len(sizes))]
            return self._run_of(entry, box, flat), as_strided(flat, box.shape, strides)
        out = np.empty(box.shape, dtype)
        described = [(name, entry.dtype, box.shape, out.nbytes)]
        extra = {SLICED_TENSOR: name, "tensorseed.slice": str(box)}
        header = write_header(described, {**self.header.metadata, **extra})
        answer = FileAnswer(f'"{header_digest(header)}"', len(header) + out.nbytes, None)
        span = (len(header), answer.size)
        return _Job(RemoteFile(answer, path), span, _writer(len(header), out)), out

    def _slice_path(self, name: str, box: Box) -> str | None:
        """Return the path of a slice's file; None where no URL leads there."""
        token = self._file.answer.token
        hidden = {".", ".."} & set(name.split("/")) or "//" in f"/{name}/"  # parts that clients take away
        if token is None or hidden:
            return None
        return f"{WEIGHTS}/{token}/tensors/{quote(name)}?slice={box}"

    async def _read(self, jobs: Iterable[_Job]) -> None:
        """Do all jobs, over several connections at a time."""
        if self._held is not None:
            for job in jobs:
                job.store(job.span[0], self._held[slice(*job.span)])
            return
        pieces = [
            (job, piece)
            for job in jobs
            for piece in ([job.span] if job.file.path is None else split([job.span], REQUEST_BYTES))
        ]
        waiting = iter(pieces)

        async def drain() -> None:
            for job, piece in waiting:
                await read_range(self._remote(), job.file, piece, job.store)

        await gather([drain() for _ in range(min(self._connections, len(pieces)))])


async def _bytes(remote: Remote, file: RemoteFile, start: int, stop: int) -> bytes:
    found = bytearray(stop - start)

    def store(at: int, chunk: bytes) -> None:
        found[at - start : at - start + len(chunk)] = chunk

    await read_range(remote, file, (start, stop), store)
    return bytes(found)


def _writer(start: int, out: Storage) -> Store:
    """Return what writes bytes into a contiguous array, whose first one is at `start` of the file."""
    octets = _octets(out)

    def store(at: int, chunk: bytes) -> None:
        octets[at - start : at - start + len(chunk)] = chunk

    return store


def _scatter(at: int, chunk: bytes, starts: Sequence[int], outs: Sequence[memoryview]) -> None:
    """Write the bytes of a file from `at` on into the arrays that begin at `starts`, in order."""
    view, stop = memoryview(chunk), at + len(chunk)
    for index in range(max(0, bisect_right(starts, at) - 1), bisect_left(starts, stop)):
        start, out = starts[index], outs[index]
        first, last = max(at, start), min(stop, start + len(out))
        if first < last:
            out[first - start : last - start] = view[first - at : last - at]


def _octets(array: Storage) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
