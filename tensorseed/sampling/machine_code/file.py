"""File of machine code: objects and the entries into them, by a digest."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

DIGEST_BYTES = hashlib.sha256().digest_size
SIZE_BYTES = 8


class EntryPoint(NamedTuple):
    """A function of the objects: the kernel that it is, and the types of its arguments."""

    kernel: str
    types: list[int | None]
    symbol: str


class MachineCode(NamedTuple):
    """Object files, and the functions of theirs that Python calls."""

    objects: Sequence[bytes]
    entry_points: Sequence[EntryPoint]


def write_code(path: Path, code: MachineCode) -> None:
    """Write a file as a whole, or not at all.

    Raises:
        OSError: there is no room, or the folder cannot be written.
    """
    head = json.dumps({"entry_points": code.entry_points, "sizes": [*map(len, code.objects)]}).encode()
    content = b"".join((len(head).to_bytes(SIZE_BYTES, "little"), head, *code.objects))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def read_code(path: Path) -> MachineCode:
    """Read what was written.

    Raises:
        OSError: the file is not there, or cannot be read.
        ValueError: it is damaged.
    """
    data = path.read_bytes()
    digest, content = data[:DIGEST_BYTES], memoryview(data)[DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("the file is damaged")
    end = SIZE_BYTES + int.from_bytes(content[:SIZE_BYTES], "little")
    head = json.loads(bytes(content[SIZE_BYTES:end]))
    objects = []
    for size in head["sizes"]:
        objects.append(bytes(content[end : end + size]))
        end += size
    return MachineCode(objects, [EntryPoint(*each) for each in head["entry_points"]])
