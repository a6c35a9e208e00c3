"""Manifest of an export, `tensorseed.json`, and its parts.

Each of N processes writes `tensorseed.parts/I-of-N.json` whenever an object is whole.
The one that finds a record of every object writes `tensorseed.json` and removes the parts.
So `tensorseed.json` is there once all objects are, and two that write it write the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from tensorseed.checkpoints.repository import HUB_LAYOUT
from tensorseed.export.checkpoint import Checkpoint
from tensorseed.sampling.philox import STREAM_VERSION

MANIFEST = "tensorseed.json"
PARTS = "tensorseed.parts"
REPLACED = f"{PARTS}/replaced.json"  # the manifest of another export, while its objects are removed
FORMAT = 1
MAX_BYTES = 1 << 26  # of a manifest that is read

_SPECIAL = re.compile(r"[%?#\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Record:
    """An object that was written: path, bytes, SHA-256 in hex, and the entity tag that the store gave it."""

    path: str
    size: int
    sha256: str
    etag: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The identity of what was exported, and the records by path."""

    identity: str
    name: str
    records: Mapping[str, Record]


def is_plain(path: str) -> bool:
    """Whether a path has no part that is empty, `.` or `..`, nor what a URL or a folder reads otherwise."""
    return not _SPECIAL.search(path) and not {"", ".", ".."} & set(path.split("/"))


def part_path(index: int, count: int) -> str:
    """The path of the part of one of `count` processes."""
    return f"{PARTS}/{index}-of-{count}.json"


def write_manifest(checkpoint: Checkpoint, records: Iterable[Record]) -> bytes:
    """The JSON text of a manifest, its files by path."""
    origin = checkpoint.origin
    document: dict[str, Any] = {
        "format": FORMAT,
        "name": checkpoint.name,
        "identity": checkpoint.identity,
        "versions": {
            "tensorseed": version("tensorseed"),
            "stream": STREAM_VERSION,
            "repository": HUB_LAYOUT,
        },
    }
    if origin.spec is not None:
        document["spec"] = json.loads(origin.spec)
    document["files"] = [asdict(record) for record in sorted(records, key=lambda record: record.path)]
    if checkpoint.left_out:
        document["left_out"] = list(checkpoint.left_out)
    return f"{json.dumps(document, indent=2)}\n".encode()


def read_manifest(text: bytes | None) -> Manifest | None:
    """The manifest of a JSON text; None for what is none of this format."""
    try:
        document = json.loads(text or b"null")
        if document["format"] != FORMAT:
            return None
        records = [
            Record(str(file["path"]), int(file["size"]), str(file["sha256"]), file["etag"])
            for file in document["files"]
        ]
        by_path = {record.path: record for record in records}
        return Manifest(str(document["identity"]), str(document["name"]), by_path)
    except (ValueError, TypeError, KeyError):
        return None
