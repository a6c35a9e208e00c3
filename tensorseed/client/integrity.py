"""Integrity of a downloaded file: its header, recipe and digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tensorseed.client.errors import MismatchError, RefusedError, unreadable
from tensorseed.client.http.answers import Digests, FileAnswer, one_line
from tensorseed.client.local_compute import file_of
from tensorseed.client.local_file import LocalFile, open_local, recipe_file
from tensorseed.client.source import Source
from tensorseed.client.verify import compare
from tensorseed.concurrency.cancellation import Cancelled
from tensorseed.devices.local import LocalSettings
from tensorseed.files.header import Header
from tensorseed.spec.spec_token import recipe_of

HASH_BYTES = 1 << 20  # read at a time
MAX_NAMES = 10  # of tensors that differ, in one message


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


def check_file(
    path: Path,
    source: Source,
    answer: FileAnswer,
    own: str,
    digests: Digests | None,
    settings: Callable[[], LocalSettings],
) -> None:
    """Check a whole file against what was asked for, and then its bytes.

    `own` is its digest, to compare with the server's `digests`; without these the bytes are computed here.

    Raises:
        MismatchError: the file is another one, or breaks the format.
        RefusedError: this host cannot compute it.
    """
    if source.is_text:
        _check_text(path, answer)
        return
    with open_local(path) as local:
        check_header(local.header, source, answer)
        if digests is not None:
            _check_digests(local, path, own, digests)
        elif not compare(local, recipe_file(local), settings()).equal:
            raise MismatchError(f"{path} is not what its recipe gives: fetch it again")


def _check_text(path: Path, answer: FileAnswer) -> None:
    """Raise MismatchError unless the entity tag of a text is its object id in git, as the Hub has it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None
    found = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if answer.etag != f'"{found}"':
        raise MismatchError(f"{path} is not what its ETag names: fetch it again")


def check_header(header: Header, source: Source, answer: FileAnswer) -> None:
    """Raise MismatchError unless the header has the size and the recipe that were asked for."""
    if header.file_bytes != answer.size:
        raise MismatchError("the header of the file gives another size than the server: check the URL")
    wanted = {recipe_of(token) for token in (source.given_token, answer.token) if token is not None}
    if source.spec is not None:
        with suppress(RefusedError):  # of a version that is older than the server's
            resolved = file_of(source).resolved
            if resolved.generator == "philox":  # else the server names its own build of torch
                wanted.add(resolved.recipe.encode())
    if wanted - {header.metadata.get("tensorseed.recipe", "").encode("utf-8", "replace")}:
        raise MismatchError("the file is that of another spec than was asked for: check the URL")


def _check_digests(local: LocalFile, path: Path, own: str, digests: Digests) -> None:
    """Raise MismatchError unless the digest is the server's; the message names the tensors that differ."""
    if own == digests.digest:
        return
    wrong = [
        name
        for name, tensor in local.header.tensors.items()
        if hashlib.sha256(local.data[tensor.start : tensor.stop]).hexdigest() != digests.tensors.get(name)
    ]
    where = ", ".join(map(one_line, wrong[:MAX_NAMES])) or "its header"
    raise MismatchError(f"{path} is not what the server computes, it differs in {where}: fetch it again")
