"""Whether the bytes on disk are the right ones: by the server's digests, or by computing them here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorseed.client.errors import MismatchError
from tensorseed.client.local_file import LocalFile, open_local
from tensorseed.client.part_file import unreadable
from tensorseed.concurrency.cancellation import Cancelled

CHUNK = 1 << 20  # bytes read at a time
MOST_NAMES = 10  # of tensors that differ, told at once


def file_digest(path: Path, cancelled: Cancelled = lambda: False) -> str:
    """The SHA-256 of a file, in hex; of a part of it if `cancelled`. Lets other threads run."""
    hashing, buffer = hashlib.sha256(), memoryview(bytearray(CHUNK))
    try:
        with path.open("rb", buffering=0) as file:
            while not cancelled() and (count := file.readinto(buffer)):
                hashing.update(buffer[:count])
        return hashing.hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


def check_digest(path: Path, own: str, told: Mapping[str, Any]) -> None:
    """Raise MismatchError, which names the tensors, unless a file has the digest that the server told."""
    if own == told["digest"]:
        return
    with open_local(path) as file:
        wrong = _wrong_tensors(file, told["tensors"])
    where = ", ".join(wrong[:MOST_NAMES]) or "its header"
    raise MismatchError(f"{path} is not what the server computes, it differs in {where}: fetch it again")


def _wrong_tensors(file: LocalFile, digests: Mapping[str, str]) -> list[str]:
    """The tensors whose bytes have another digest than the server's."""
    return [
        name
        for name, tensor in file.header.tensors.items()
        if hashlib.sha256(file.data[tensor.start : tensor.stop]).hexdigest() != digests.get(name)
    ]
