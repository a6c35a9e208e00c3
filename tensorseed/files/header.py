"""Header of a safetensors file: its writers and its strict reader.

A file (https://github.com/huggingface/safetensors) begins with the header's length: 8 bytes, little-endian.
The header follows, a JSON object in UTF-8, padded with spaces to a multiple of 8.
The data of the tensors follows, little-endian and row-major, without holes or overlaps.

The reference reader accepts every header that is accepted here, with the same meaning.
This one also refuses names and members given twice and members that the format does not have.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.concurrency.pieces import PIECE
from tensorseed.errors import shortened
from tensorseed.sampling.dtypes import DTYPES, FILE_ORDER

if TYPE_CHECKING:
    import torch

METADATA = "__metadata__"
LENGTH_BYTES = 8  # before the header
MAX_HEADER_BYTES = 100_000_000  # the limit of the format
ITEM_BYTES: Mapping[str, int] = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64"), 8),
}
"""Bytes of an element by safetensors' code of its dtype."""

_MEMBERS = {"dtype", "shape", "data_offsets"}
_SIZE_LIMIT = 1 << 63  # from here on sizes fit no signed 64-bit integer
_REMEDY = "send a file as safetensors writes it"


class HeaderError(ValueError):
    """A header breaks the format: the fault, its remedy, and the tensor whose entry has it."""

    def __init__(self, fault: str, remedy: str = _REMEDY, tensor: str | None = None) -> None:
        super().__init__(fault)
        self.fault = fault
        self.remedy = remedy
        self.tensor = tensor


class HeaderSizeError(HeaderError):
    """A header is longer than the reader's limit."""


@dataclass(frozen=True, slots=True)
class HeaderEntry:
    """A tensor by safetensors' code of its dtype, its shape, and its bytes [start, stop) of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Header:
    """All bytes before the data and their meaning; `file_bytes` is the size of the whole file."""

    content: bytes
    metadata: Mapping[str, str]
    tensors: Mapping[str, HeaderEntry]
    file_bytes: int


def write_header(
    tensors: Iterable[tuple[str, str, tuple[int, ...], int]], metadata: Mapping[str, str] | None
) -> bytes:
    """Write the bytes before the data, for tensors in the order of the file.

    A tensor is its name, safetensors' code of its dtype, its shape and its size in bytes.
    """
    names: list[str] = []
    numbers: list[int] = []
    kinds: dict[tuple[str, tuple[int, ...], int], int] = {}
    for name, dtype, shape, nbytes in tensors:
        names.append(name)
        numbers.append(kinds.setdefault((dtype, shape, nbytes), len(kinds)))
    described = [describe(dtype, shape) for dtype, shape, _ in kinds]
    return write_columns(
        names, described, np.array(numbers, np.int32), [nbytes for *_, nbytes in kinds], metadata
    )


def describe(dtype: str, shape: tuple[int, ...]) -> str:
    """Return the members of a tensor's entry up to its first offset."""
    return f'{{"dtype":"{dtype}","shape":[{",".join(map(str, shape))}],"data_offsets":['


def write_columns(
    names: Sequence[str],
    described: Sequence[str],
    numbers: npt.NDArray[np.int32],
    sizes: Sequence[int],
    metadata: Mapping[str, str] | None,
) -> bytes:
    """Write the bytes before the data; tensor i is of kind `numbers[i]`, which is `described` and has a size.

    The metadata keeps its order, which the reference writer does not promise.

    Raises:
        ComputationCancelledError: the computation of this thread is cancelled.
    """
    text, start = BytesIO(), 0  # gives its bytes away without a copy, which a long header would feel
    text.write(bytes(LENGTH_BYTES))
    if metadata is not None:
        text.write(b'{"%b":%b' % (METADATA.encode(), orjson.dumps(dict(metadata))))
    for at in range(0, len(names), PIECE):
        check_cancelled()
        of_each = numbers[at : at + PIECE].tolist()
        stops = [*accumulate(map(sizes.__getitem__, of_each), initial=start)]
        rows = zip(_quoted(names[at : at + PIECE]), of_each, stops, stops[1:], strict=False)
        members = [f"{name}:{described[kind]}{first},{last}]}}" for name, kind, first, last in rows]
        text.write(b"," if text.tell() > LENGTH_BYTES else b"{")
        text.write(",".join(members).encode())
        start = stops[-1]
    text.write(b"}" if text.tell() > LENGTH_BYTES else b"{}")
    text.write(b" " * (-text.tell() % 8))
    length = text.tell() - LENGTH_BYTES
    text.seek(0)
    text.write(length.to_bytes(LENGTH_BYTES, "little"))
    return text.getvalue()


def _quoted(names: Sequence[str]) -> list[str]:
    """Return the names as JSON, most of which have nothing to escape."""
    text = "".join(names)
    if text.isprintable() and '"' not in text and "\\" not in text:
        return [f'"{name}"' for name in names]
    return [orjson.dumps(name).decode() for name in names]


def read_header(
    file: memoryview,
    *,
    item_bytes: Mapping[str, int] = ITEM_BYTES,
    max_bytes: int = MAX_HEADER_BYTES,
    max_dimensions: int | None = None,
    noun: str = "file",
) -> Header:
    """Read the header of the safetensors file that begins with the bytes `file`.

    The dtypes are the keys of `item_bytes`. The size of the data is not compared with the header.
    Messages call the bytes a `noun`.

    Raises:
        HeaderError: the header breaks the format, or a tensor has another dtype or more dimensions.
        HeaderSizeError: the header has more than `max_bytes`.
    """
    stop = _stop(file, max_bytes, noun)
    members = _members(bytes(file[LENGTH_BYTES:stop]))
    metadata = members.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise HeaderError(f"{METADATA} must be an object whose members are strings", tensor=METADATA)
    tensors = {name: _entry(name, entry, stop, item_bytes, max_dimensions) for name, entry in members.items()}
    return Header(bytes(file[:stop]), metadata, tensors, _end(tensors, stop))


def _stop(file: memoryview, max_bytes: int, noun: str) -> int:
    """Return the offset of the first byte after the header."""
    if len(file) < LENGTH_BYTES:
        has = f"the {noun} has {len(file)} bytes"
        raise HeaderError(f"{has}, and a safetensors file starts with 8 that tell its header's length")
    size, follow = int.from_bytes(file[:LENGTH_BYTES], "little"), len(file) - LENGTH_BYTES
    if size > follow:
        fault = f"the first 8 bytes tell of a header of {size:,} bytes, and {follow:,} follow"
        raise HeaderError(fault, "send a whole safetensors file")
    if size > max_bytes:
        fault = f"the header has {size:,} bytes, the limit is {max_bytes:,}"
        raise HeaderSizeError(fault, "leave out metadata and tensors that are not needed")
    return LENGTH_BYTES + size


def _members(text: bytes) -> dict[str, Any]:
    """Parse the JSON object, in which every name occurs once."""
    if not text.startswith(b"{"):
        raise HeaderError("the header does not start with a brace")
    try:
        document = orjson.loads(text)  # strict, but the last of two equal names wins
        json.loads(text, object_pairs_hook=_unique, parse_int=_unsigned)
    except HeaderError:
        raise
    except (ValueError, RecursionError):
        raise HeaderError("the header is not a JSON object in UTF-8") from None
    assert isinstance(document, dict)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise HeaderError(f"the header has {shortened(twice)} twice", "give every name once")
    return members


def _unsigned(text: str) -> int:
    if text.startswith("-"):
        raise HeaderError(f"the header holds {shortened(text)}", "sizes and offsets have no sign")
    return 0  # orjson reads the value


def _entry(
    name: str, entry: Any, offset: int, item_bytes: Mapping[str, int], max_dimensions: int | None
) -> HeaderEntry:
    """Check the entry of a tensor by itself; the data begins at `offset`."""
    if not isinstance(entry, dict) or entry.keys() != _MEMBERS:
        fault = "a tensor's entry in the header has dtype, shape and data_offsets"
        raise HeaderError(fault, tensor=name)
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in item_bytes:
        fault = f"{shortened(dtype) if isinstance(dtype, str) else 'this'} is not a supported dtype"
        raise HeaderError(fault, f"use one of {', '.join(item_bytes)}", name)
    if not _are_sizes(shape):
        raise HeaderError("the shape must be a list of integers of 0 or more", tensor=name)
    if max_dimensions is not None and len(shape) > max_dimensions:
        fault = f"a tensor has at most {max_dimensions} dimensions, this one has {len(shape):,}"
        raise HeaderError(fault, "reshape it", name)
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise HeaderError("data_offsets must be two integers of 0 or more", tensor=name)
    start, stop = offsets
    too_large = math.prod(filter(None, shape)) * item_bytes[dtype] >= _SIZE_LIMIT
    if too_large or stop - start != math.prod(shape) * item_bytes[dtype]:
        fault = f"a tensor of {dtype} and shape {shortened(str(shape))} does not have {stop - start:,} bytes"
        raise HeaderError(fault, tensor=name)
    return HeaderEntry(dtype, tuple(shape), offset + start, offset + stop)


def _are_sizes(value: Any) -> bool:
    """Return whether a value is a list of integers from 0 up to the size limit, without booleans."""
    return isinstance(value, list) and all(type(size) is int and 0 <= size < _SIZE_LIMIT for size in value)


def _end(tensors: Mapping[str, HeaderEntry], offset: int) -> int:
    """Return where the last tensor ends; the data begins at `offset` and has no holes or overlaps."""
    before = ""
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start > offset:
            fault = f"{entry.start - offset:,} bytes before this tensor belong to none"
            raise HeaderError(fault, tensor=name)
        if entry.start < offset:
            raise HeaderError(f"this tensor overlaps {shortened(before)}", tensor=name)
        before, offset = name, entry.stop
    return offset


def write_tensors(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> list[memoryview]:
    """Return the bytes of the file in pieces: the header, then the data of every tensor.

    The data of contiguous tensors on the CPU is not copied.
    Tensors are ordered as the reference writer orders them, by dtype and then by name.
    """
    ordered = sorted(tensors.items(), key=lambda item: (FILE_ORDER[dtype_name(item[1])], item[0]))
    pieces = [_data(tensor) for _, tensor in ordered]
    described = (
        (name, DTYPES[dtype_name(tensor)].code, tuple(tensor.shape), len(piece))
        for (name, tensor), piece in zip(ordered, pieces, strict=True)
    )
    return [memoryview(write_header(described, metadata)), *pieces]


def dtype_name(tensor: torch.Tensor) -> str:
    """Return torch's name of a tensor's dtype, without the module."""
    return str(tensor.dtype).removeprefix("torch.")


def _data(tensor: torch.Tensor) -> memoryview:
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    piece: memoryview = flat.view(torch.uint8).numpy().data
    return piece
