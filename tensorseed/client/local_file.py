"""Safetensors file on disk: its header read strictly, its data mapped into memory.

Bytes that lack at the end or are surplus are no error, since the other tensors can still be compared.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tensorseed.client.errors import MismatchError
from tensorseed.client.part_file import unreadable
from tensorseed.files.header import Header, HeaderError, read_header


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file's bytes, and its header, which says how many there should be."""

    data: memoryview
    header: Header


@contextmanager
def open_local(path: Path) -> Iterator[LocalFile]:
    """Map the file at `path` within the block.

    Raises:
        MismatchError: the file breaks the format.
        DiskError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else None
    except OSError as error:
        raise unreadable(path, error) from None
    if whole is None:
        raise _broken(path, "it is empty")
    data = memoryview(whole)
    try:
        yield read_local(data, path)
    finally:
        data.release()
        whole.close()


def read_local(data: memoryview, path: Path) -> LocalFile:
    """Read the file whose bytes are `data`; `path` is for messages.

    Raises:
        MismatchError: the file breaks the format.
    """
    try:
        return LocalFile(data, read_header(data))
    except HeaderError as error:
        where = "" if error.tensor is None else f" ({error.tensor[:100]!r})"
        raise _broken(path, error.fault + where) from None


def _broken(path: Path, reason: str) -> MismatchError:
    return MismatchError(f"{path} is not a whole safetensors file, since {reason}: fetch it again")
