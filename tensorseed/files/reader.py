"""A safetensors file that somebody sent: taken apart strictly, and without copying its data.

The format (https://github.com/huggingface/safetensors): 8 bytes with the header's length, little-endian; the
header, a JSON object in UTF-8; the tensors' bytes, little-endian and row-major, without holes or overlaps.
Whatever is accepted here the reference reader accepts too, as the same tensors. Refused beyond what it
refuses are names and members given twice, members that the format does not have, and dtypes that no argument
has.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tensorseed.errors import LossError, TooLargeError
from tensorseed.spec.faults import pointer, shortened
from tensorseed.spec.limits import Limits

if TYPE_CHECKING:
    import torch

    Buffer = bytes | bytearray | memoryview

MOST_HEADER = 1 << 20  # bytes of a header; the format allows 100 MB
METADATA = "__metadata__"
DTYPES: dict[str, tuple[str, int]] = {
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "I64": ("int64", 8),
    "I32": ("int32", 4),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
}
"""The dtypes that are read: safetensors' code, torch's name and the bytes of an element."""

_MEMBERS = {"dtype", "shape", "data_offsets"}
_LENGTH = 8  # bytes before the header
_LARGEST = 1 << 63  # bytes; sizes from here on fit no signed 64-bit integer
_REMEDY = "send a file as safetensors writes it"


@dataclass(frozen=True, slots=True)
class RawTensor:
    """One tensor of a file: torch's name of its dtype, its shape, and its bytes within the buffer."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview


def read_tensors(buffer: Buffer, dimensions: int = Limits().dimensions) -> dict[str, RawTensor]:
    """The tensors of the safetensors file in `buffer`, by name, in the order of its header.

    Their data is not copied: it lives as long as they do. Metadata is checked and left out. Raises LossError
    for a file that is malformed, with a pointer to the tensor at fault (`/input`) or to the whole; for a
    dtype that is not one of `DTYPES`, and for a tensor of more than `dimensions`. Raises TooLargeError for a
    header of more than `MOST_HEADER` bytes.
    """
    file = memoryview(buffer).cast("B")
    stop = _header_stop(file)
    header = _header(file[_LENGTH:stop])
    _check_metadata(header.pop(METADATA, {}))
    data = file[stop:]
    places = {name: _place(name, entry, dimensions) for name, entry in header.items()}
    _check_places(places, len(data))
    return {name: _cut(name, place, data) for name, place in places.items()}


def to_torch(tensor: RawTensor) -> torch.Tensor:
    """The tensor on the CPU, sharing the buffer's memory; a copy where that is read-only or misaligned."""
    import torch

    dtype: torch.dtype = getattr(torch, tensor.dtype)
    if not len(tensor.data):
        return torch.empty(tensor.shape, dtype=dtype)
    address = np.frombuffer(tensor.data, np.uint8).ctypes.data
    shared = not tensor.data.readonly and address % dtype.itemsize == 0
    return torch.frombuffer(tensor.data if shared else bytearray(tensor.data), dtype=dtype).reshape(
        tensor.shape
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """What the header says of a tensor: `start` and `stop` are offsets into the data."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def _header_stop(file: memoryview) -> int:
    """The offset of the first byte after the header."""
    if len(file) < _LENGTH:
        has = f"the body has {len(file)} bytes"
        raise LossError.at("", f"{has}, and a safetensors file starts with 8 that tell its header's length")
    size = int.from_bytes(file[:_LENGTH], "little")
    if size > len(file) - _LENGTH:
        told = f"the first 8 bytes tell of a header of {size:,} bytes, and {len(file) - _LENGTH:,} follow"
        raise LossError.at("", f"{told}: send a whole safetensors file")
    if size > MOST_HEADER:
        too_large = f"the header has {size:,} bytes, the limit is {MOST_HEADER:,}"
        raise TooLargeError(f"{too_large}: leave out metadata and tensors that are no arguments")
    return _LENGTH + size


def _header(text: memoryview) -> dict[str, Any]:
    """The header's JSON object, in which every name stands once."""
    raw = bytes(text)
    if not raw.startswith(b"{"):
        raise LossError.at("", f"the header does not start with a brace: {_REMEDY}")
    try:
        document = orjson.loads(raw)
        plain = json.loads(raw, object_pairs_hook=_once, parse_int=_unsigned)
    except LossError:
        raise
    except (ValueError, RecursionError):
        raise LossError.at("", f"the header is not a JSON object in UTF-8: {_REMEDY}") from None
    assert isinstance(document, dict)
    assert isinstance(plain, dict)
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise LossError.at("", f"the header has {shortened(twice)} twice: give every name once")
    return members


def _unsigned(text: str) -> int:
    if text.startswith("-"):
        raise LossError.at("", f"the header holds {shortened(text)}: sizes and offsets have no sign")
    return 0  # the value is read by the stricter reader


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise LossError.at(pointer((METADATA,)), f"{METADATA} must be an object whose members are strings")


def _place(name: str, entry: Any, dimensions: int) -> _Place:
    """What the entry of a tensor says, checked for itself."""
    at = pointer((name,))
    if not isinstance(entry, dict) or entry.keys() != _MEMBERS:
        raise LossError.at(at, f"a tensor's entry in the header has dtype, shape and data_offsets: {_REMEDY}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        told = shortened(dtype) if isinstance(dtype, str) else "this"
        raise LossError.at(at, f"{told} is no dtype of an argument: use one of {', '.join(DTYPES)}")
    if not _are_sizes(shape):
        raise LossError.at(at, f"the shape must be a list of integers of 0 or more: {_REMEDY}")
    if len(shape) > dimensions:
        most = f"a tensor has at most {dimensions} dimensions, this one has {len(shape):,}"
        raise LossError.at(at, f"{most}: reshape it")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise LossError.at(at, f"data_offsets must be two integers of 0 or more: {_REMEDY}")
    start, stop = offsets
    size = math.prod(shape) * DTYPES[dtype][1]
    if math.prod(filter(None, shape)) * DTYPES[dtype][1] >= _LARGEST or stop - start != size:
        needs = f"a tensor of {dtype} and shape {_told(shape)} does not have {stop - start:,} bytes"
        raise LossError.at(at, f"{needs}: {_REMEDY}")
    return _Place(DTYPES[dtype][0], tuple(shape), start, stop)


def _are_sizes(value: Any) -> bool:
    """Whether it is a list of integers that no tensor is beyond; true and false are none."""
    return isinstance(value, list) and all(type(size) is int and 0 <= size < _LARGEST for size in value)


def _told(shape: list[int]) -> str:
    return shortened(str(shape))


def _check_places(places: Mapping[str, _Place], size: int) -> None:
    """Raise LossError unless the tensors lie side by side and are all of the data."""
    ordered = sorted(places.items(), key=lambda item: (item[1].start, item[1].stop))
    ends = [("", 0), *((name, place.stop) for name, place in ordered)]
    for (before, stop), (name, place) in zip(ends, ordered, strict=False):
        if place.start > stop:
            detail = f"{place.start - stop:,} bytes before this tensor belong to none: {_REMEDY}"
            raise LossError.at(pointer((name,)), detail)
        if place.start < stop:
            raise LossError.at(pointer((name,)), f"this tensor overlaps {shortened(before)}: {_REMEDY}")
    stop = ends[-1][1]
    if stop > size:
        detail = f"this tensor ends at byte {stop:,} of the data, which has {size:,}: send the whole file"
        raise LossError.at(pointer((ends[-1][0],)), detail)
    if stop < size:
        raise LossError.at("", f"{size - stop:,} bytes after the last tensor belong to none: {_REMEDY}")


def _cut(name: str, place: _Place, data: memoryview) -> RawTensor:
    part = data[place.start : place.stop]
    if place.dtype == "bool" and len(part) and np.frombuffer(part, np.uint8).max() > 1:
        raise LossError.at(pointer((name,)), "the bytes of a BOOL tensor are 0 and 1")
    return RawTensor(place.dtype, place.shape, part)
