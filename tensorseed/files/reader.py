"""Tensors of a safetensors file in memory, read without a copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tensorseed.errors import LossError, TooLargeError
from tensorseed.files.header import Header, HeaderError, HeaderSizeError, read_header
from tensorseed.sampling.dtypes import COMPUTE_DTYPES, DTYPES
from tensorseed.spec.json.pointers import pointer
from tensorseed.spec.limits import Limits

if TYPE_CHECKING:
    import torch

    Buffer = bytes | bytearray | memoryview

MAX_HEADER_BYTES = 1 << 20
READABLE_DTYPES: dict[str, tuple[str, int]] = {
    **{DTYPES[name].code: (name, DTYPES[name].itemsize) for name in (*COMPUTE_DTYPES, "int64")},
    "I32": ("int32", 4),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
}
"""The dtypes that are read: safetensors' code, torch's name and the bytes of an element."""

_ITEM_BYTES = {code: size for code, (_, size) in READABLE_DTYPES.items()}


@dataclass(frozen=True, slots=True)
class RawTensor:
    """One tensor of a file: torch's name of its dtype, its shape, and its bytes within the buffer."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview


def read_tensors(
    buffer: Buffer, dimensions: int = Limits().dimensions, noun: str = "file"
) -> dict[str, RawTensor]:
    """Return the tensors of the safetensors file in `buffer`, by name, in the order of its header.

    Their data is a view of the buffer. Metadata is checked and left out.
    Messages call the buffer a `noun`.

    Raises:
        LossError: the file is malformed, or a tensor has another dtype than `READABLE_DTYPES` or too many
            dimensions; the pointer names the tensor (`/input`) or the whole file.
        TooLargeError: the header has more than `MAX_HEADER_BYTES`.
    """
    file = memoryview(buffer).cast("B")
    try:
        header = read_header(
            file,
            item_bytes=_ITEM_BYTES,
            max_bytes=MAX_HEADER_BYTES,
            max_dimensions=dimensions,
            noun=noun,
        )
        _check_size(header, len(file))
    except HeaderSizeError as error:
        raise TooLargeError(f"{error.fault}: {error.remedy}") from None
    except HeaderError as error:
        at = "" if error.tensor is None else pointer((error.tensor,))
        raise LossError.at(at, f"{error.fault}: {error.remedy}") from None
    tensors = {}
    for name, entry in header.tensors.items():
        data = file[entry.start : entry.stop]
        if entry.dtype == "BOOL" and len(data) and np.frombuffer(data, np.uint8).max() > 1:
            raise LossError.at(pointer((name,)), "the bytes of a BOOL tensor are 0 and 1")
        tensors[name] = RawTensor(READABLE_DTYPES[entry.dtype][0], entry.shape, data)
    return tensors


def to_torch(tensor: RawTensor) -> torch.Tensor:
    """Return the tensor on the CPU, in the buffer's memory; a copy where that is read-only or misaligned."""
    import torch

    dtype: torch.dtype = getattr(torch, tensor.dtype)
    if not len(tensor.data):
        return torch.empty(tensor.shape, dtype=dtype)
    address = np.frombuffer(tensor.data, np.uint8).ctypes.data
    shared = not tensor.data.readonly and address % dtype.itemsize == 0
    return torch.frombuffer(tensor.data if shared else bytearray(tensor.data), dtype=dtype).reshape(
        tensor.shape
    )


def _check_size(header: Header, size: int) -> None:
    """Raise HeaderError unless the tensors are all of the data."""
    offset = len(header.content)
    if header.file_bytes < size:
        raise HeaderError(f"{size - header.file_bytes:,} bytes after the last tensor belong to none")
    if header.file_bytes > size:
        last = max(header.tensors, key=lambda name: (header.tensors[name].start, header.tensors[name].stop))
        stop = f"{header.file_bytes - offset:,} of the data, which has {size - offset:,}"
        raise HeaderError(f"this tensor ends at byte {stop}", "send the whole file", last)
