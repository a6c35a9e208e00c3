"""File of machine code: objects and the entries into them, by a digest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

DIGEST_BYTES = hashlib.sha256().digest_size
SIZE_BYTES = 8


class EntryPoint(NamedTuple):
    """A function of the objects: the kernel that it is, the types of its arguments, the codes of its row."""

    kernel: str
    types: list[int | None]
    codes: str
    symbol: str


class MachineCode(NamedTuple):
    """Object files, the functions of theirs that Python calls, and the symbols that others define."""

    objects: Sequence[bytes]
    entry_points: Sequence[EntryPoint]
    undefined: Sequence[str]


def write_code(path: Path, code: MachineCode) -> None:
    """Write a file as a whole, or not at all, for all whom the process's mask lets read it.

    Raises:
        OSError: there is no room, or the folder cannot be written.
    """
    sizes = [*map(len, code.objects)]
    fields = {"entry_points": code.entry_points, "undefined": code.undefined, "sizes": sizes}
    head = json.dumps(fields).encode()
    content = b"".join((len(head).to_bytes(SIZE_BYTES, "little"), head, *code.objects))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp.{uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        os.replace(temporary, path)
    except BaseException:  # of a signal, too
        with suppress(OSError):
            os.unlink(temporary)
        raise


def can_write(path: Path) -> bool:
    """Whether the folder of a file can be written, or made."""
    folder = next(folder for folder in path.parents if folder.exists())
    return os.access(folder, os.W_OK)


def read_code(path: Path) -> MachineCode:
    """Read what was written.

    Raises:
        OSError: the file is not there, or cannot be read.
        ValueError: it is damaged, or has another form.
    """
    data = path.read_bytes()
    digest, content = data[:DIGEST_BYTES], memoryview(data)[DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("the file is damaged")
    end = SIZE_BYTES + int.from_bytes(content[:SIZE_BYTES], "little")
    head = json.loads(bytes(content[SIZE_BYTES:end]))
    objects = []
    try:
        for size in head["sizes"]:
            objects.append(bytes(content[end : end + size]))
            end += size
        points = [EntryPoint(*each) for each in head["entry_points"]]
        return MachineCode(objects, points, head["undefined"])
    except (KeyError, TypeError):
        raise ValueError("the file has another form") from None
