"""Destination of an export: a folder, or a prefix of a bucket."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from tensorseed.client.errors import DiskError, RefusedError
from tensorseed.concurrency.buffers import Bytes
from tensorseed.export.failures import explained, lacks_bucket
from tensorseed.export.folder import remove_unfinished, write_file
from tensorseed.export.manifest import is_plain
from tensorseed.export.multipart import Access, UnlistedError, Upload, abort, uploads

T = TypeVar("T")

PART_BYTES = 6 << 20  # of a multipart upload
MAX_PARTS = 9_000  # stores take 10,000
MIN_PARTS_AHEAD = 2  # of an object, so that one is computed while another is sent
ATTEMPTS = 10  # of a request that a store fails
REQUEST_SECONDS = 120.0
READ_BYTES = 8 << 20  # read back at a time
MAX_UPLOAD_AGE = timedelta(days=1)  # of one that may be a live writer's: 500 GB at 6 MB/s take as long

_URL = re.compile(r"(?P<scheme>[a-z0-9]+)://(?P<bucket>[^/]+)/?(?P<prefix>.*?)/*")
_SCHEMES = {"s3": "s3", "s3a": "s3", "gs": "gs", "az": "az", "azure": "az", "abfs": "az", "abfss": "az"}
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "GOOGLE_BASE_URL")


class Stored(NamedTuple):
    """An object that is there: its bytes, and the entity tag that changes with it."""

    size: int
    etag: str | None


class Destination:
    """The objects below one place. Any thread may use it."""

    def __init__(
        self, text: str, attempts: int = ATTEMPTS, variables: Mapping[str, str] = os.environ
    ) -> None:
        """`attempts` bounds those of one request, `variables` hold keys and endpoints.

        Raises:
            RefusedError: the text is no folder and no URL of a bucket.
            DiskError: the folder cannot be made.
        """
        self.name = text
        self.folder: Path | None = None
        self._attempts = attempts
        self._variables = variables
        self._bucket, self._prefix = "", ""
        match = _URL.fullmatch(text)
        if match is None and "://" not in text:
            self.scheme = "file"
            self.folder = Path(text).expanduser().absolute()
            with self._explaining():
                self.folder.mkdir(parents=True, exist_ok=True)
                self._store: ObjectStore = LocalStore(self.folder, automatic_cleanup=True)
            return
        if match is None or match["scheme"] not in _SCHEMES:
            raise RefusedError(
                f"{text} is no destination: give a folder, or s3://bucket/path, gs:// or az://"
            )
        self.scheme = _SCHEMES[match["scheme"]]
        self._bucket, self._prefix = match["bucket"], match["prefix"]
        if not is_plain(self._bucket) or (self._prefix and not is_plain(self._prefix)):
            raise RefusedError(
                f"{text} is no destination: leave out empty parts, . and .., and the characters % ? # \\"
            )
        with self._explaining():
            self._store = self._remote(
                "/".join(filter(None, (f"{self.scheme}://{self._bucket}", self._prefix)))
            )

    def _remote(self, url: str) -> ObjectStore:
        plain = any(self._variables.get(name, "").startswith("http://") for name in _ENDPOINTS)
        return from_url(
            url,
            client_options={"allow_http": plain, "timeout": timedelta(seconds=REQUEST_SECONDS)},
            retry_config={"max_retries": self._attempts - 1},
        )

    def _explaining(self) -> AbstractContextManager[None]:
        return explained(self.name, self.scheme)

    def _found(self, ask: Callable[[], T]) -> T | None:
        """What a request gives; None where its object is not there.

        Raises:
            RefusedError: the bucket is not there.
        """
        with self._explaining():
            try:
                return ask()
            except FileNotFoundError as error:
                if lacks_bucket(error):
                    raise
                return None

    def head(self, path: str) -> Stored | None:
        """The size and entity tag of an object; None where there is none."""
        meta = self._found(lambda: obstore.head(self._store, path))
        return None if meta is None else Stored(meta["size"], meta["e_tag"])

    def read(self, path: str, limit: int) -> bytes | None:
        """The bytes of a small object; None where there is none, or one of more than `limit` bytes."""
        result = self._found(lambda: obstore.get(self._store, path))
        if result is None or result.meta["size"] > limit:
            return None
        with self._explaining():
            return bytes(result.bytes())

    def chunks(self, path: str) -> Iterator[bytes]:
        """Read an object back, piece by piece; nothing where there is none."""
        result = self._found(lambda: obstore.get(self._store, path))
        if result is not None:
            with self._explaining():
                yield from result.stream(READ_BYTES)

    def paths(self, folder: str) -> list[str]:
        """The paths of the objects in a folder of few."""
        with self._explaining():
            pages = list(obstore.list(self._store, folder))
        return [meta["path"] for page in pages for meta in page]

    def write(
        self, path: str, content: bytes | Iterator[Bytes], size: int, ahead: int = MIN_PARTS_AHEAD
    ) -> str | None:
        """Write an object, which appears under its name once it is whole; return its entity tag.

        An iterator is read as its parts go out, at most `ahead` at a time. Its own errors are raised as they
        are.
        """
        own: list[Exception] = []
        if not isinstance(content, bytes):
            content = _keeping(content, own)
        try:
            with self._explaining():
                if self.folder is not None:
                    write_file(self.folder / path, [content] if isinstance(content, bytes) else content)
                    return obstore.head(self._store, path)["e_tag"]
                part = part_bytes(size)
                result = obstore.put(
                    self._store,
                    path,
                    content,  # type: ignore[arg-type]  # an array is a buffer, which numpy's stubs do not say
                    chunk_size=part,
                    max_concurrency=ahead,
                    use_multipart=size > part,
                )
        except Exception:
            if own:
                raise own[0] from None
            raise
        return result["e_tag"]

    def delete(self, paths: Sequence[str]) -> None:
        """Delete objects; those that are gone by now are no error."""
        for path in paths:
            self._found(lambda path=path: obstore.delete(self._store, path))  # type: ignore[misc]

    def check_room(self, nbytes: int) -> None:
        """Raise DiskError unless the disk of a folder has room for so many more bytes."""
        if self.folder is None or not hasattr(os, "statvfs"):
            return
        disk = os.statvfs(self.folder)
        free = disk.f_bavail * disk.f_frsize
        if disk.f_blocks and nbytes > free:  # some network file systems have no number
            raise DiskError(
                f"{self.name} has room for {free:,} bytes, and {nbytes:,} are needed: make room, or name "
                "another DEST"
            )

    def abort_stale(self, paths: Sequence[str], *, whole: bool = False) -> int | None:
        """Remove what killed writers of these paths left, and count it; None where the store lists nothing.

        That is files such as NAME#2718 in a folder that no writer holds, and multipart uploads of S3.
        Those have no locks, so only old ones are a killed writer's for certain. Once the objects are
        `whole`, nobody needs one of any age: a writer whose upload is gone keeps the object in its next run.
        """
        with self._explaining():
            if self.folder is not None:
                return remove_unfinished(self.folder, paths)
            access = Access.of(self._variables) if self.scheme == "s3" else None
            if access is None:
                return None
            import httpx

            prefix = f"{self._prefix}/" if self._prefix else ""
            own = {prefix + path for path in paths}
            with httpx.Client() as client:
                try:
                    listed = uploads(client, access, self._bucket, prefix, self._attempts)
                    stale = [one for one in listed if one.key in own and (whole or _is_old(one))]
                except UnlistedError:
                    return None
                for upload in stale:
                    abort(client, access, self._bucket, upload, self._attempts)
            return len(stale)


def _is_old(upload: Upload) -> bool:
    return upload.age is not None and upload.age > MAX_UPLOAD_AGE


def part_bytes(size: int) -> int:
    """The bytes of each part of an object but the last: as few as keep the number of parts in bounds."""
    return max(PART_BYTES, -(-size // MAX_PARTS))


def _keeping(content: Iterator[Bytes], own: list[Exception]) -> Iterator[Bytes]:
    """Iterate, and keep the iterator's error, which is none of the store."""
    try:
        yield from content
    except Exception as error:
        own.append(error)
        raise
