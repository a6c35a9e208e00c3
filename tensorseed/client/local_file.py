"""A safetensors file on disk: its header read strictly, its tensors in place, nothing of its data copied.

Whatever breaks the format (https://github.com/huggingface/safetensors) is refused: names given twice, holes,
overlaps, offsets that do not fit the shape. Bytes that lack at the end or are surplus are told instead, since
the rest can still be compared.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorseed.client.errors import MismatchError
from tensorseed.client.part_file import unreadable

MOST_HEADER = 100_000_000  # bytes; the format's own limit
ITEM_BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
}

_LENGTH = 8  # bytes before the header
_MEMBERS = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor by safetensors' code of its dtype, its shape, and its bytes [start, stop) in the file."""

    code: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """`header` is all that comes before the data; `size` what the header tells, `data` what there is."""

    data: memoryview
    header: bytes
    metadata: Mapping[str, str]
    tensors: Mapping[str, StoredTensor]
    size: int


class _FormatError(ValueError):
    """What breaks the format, in words for the message."""


@contextmanager
def stored(path: Path) -> Iterator[StoredFile]:
    """The file at `path`, mapped. Raises MismatchError where it is no safetensors file, or DiskError."""
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
        yield read_stored(data, path)
    finally:
        data.release()
        whole.close()


def read_stored(data: memoryview, path: Path) -> StoredFile:
    """The file whose bytes are `data`. Raises MismatchError, which names `path`."""
    try:
        length = int.from_bytes(data[:_LENGTH], "little")
        if length > min(MOST_HEADER, len(data) - _LENGTH):
            raise _FormatError("its header is cut or too long")
        header = bytes(data[: _LENGTH + length])
        document = json.loads(header[_LENGTH:].decode(), object_pairs_hook=_once)
        if not isinstance(document, dict):
            raise _FormatError("its header is not an object")
        metadata = _metadata(document.pop("__metadata__", {}))
        tensors = {name: _tensor(name, entry, len(header)) for name, entry in document.items()}
        return StoredFile(data, header, metadata, tensors, _end(tensors, len(header)))
    except RecursionError:
        raise _broken(path, "its header is nested too deeply") from None
    except _FormatError as error:
        raise _broken(path, str(error)) from None
    except ValueError:
        raise _broken(path, "its header is not JSON in UTF-8") from None


def _broken(path: Path, reason: str) -> MismatchError:
    return MismatchError(f"{path} is not a whole safetensors file, since {reason}: fetch it again")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _FormatError("its header has a name twice")
    return members


def _metadata(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise _FormatError("its metadata is not of strings")
    return metadata


def _tensor(name: str, entry: Any, offset: int) -> StoredTensor:
    """What the entry of a tensor says, checked for itself."""
    wrong = _FormatError(f"its header's entry of {name[:100]!r} is not one of a tensor")
    if not isinstance(entry, dict) or entry.keys() != _MEMBERS:
        raise wrong
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if (
        not isinstance(code, str)
        or code not in ITEM_BYTES
        or not _are_sizes(shape)
        or not _are_sizes(offsets)
    ):
        raise wrong
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * ITEM_BYTES[code]:
        raise wrong
    return StoredTensor(code, tuple(shape), offset + offsets[0], offset + offsets[1])


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and 0 <= size < 1 << 63 for size in value)


def _end(tensors: Mapping[str, StoredTensor], offset: int) -> int:
    """The offset after the last tensor. Raises _FormatError unless they lie side by side."""
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.stop)):
        if tensor.start != offset:
            raise _FormatError("its tensors overlap or leave holes")
        offset = tensor.stop
    return offset
