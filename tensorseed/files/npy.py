"""Files in the format of numpy: one tensor behind a short header."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

from numpy.lib import format as npy

from tensorseed.files.virtual_file import VirtualFile

_PACKED = {"int32": "<i4", "int8": "|i1", "uint8": "|u1", "bool": "|b1"}
DESCRIPTIONS = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "int64": "<i8", **_PACKED}
"""numpy's own dtypes in the words of its format. It has no word for bfloat16 and float8."""

MAX_DIMENSIONS = 64  # of an array of numpy


@dataclass(frozen=True)
class NpyFile(VirtualFile):
    """The tensor of a safetensors file as `numpy.save` writes it.

    Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    """

    origin: VirtualFile

    @cached_property
    def digest(self) -> str:
        """64 hex digits that identify the bytes; numpy's header says nothing of them."""
        return hashlib.sha256(f"tensorseed npy v1\n{self.origin.digest}".encode()).hexdigest()


def fits_npy(file: VirtualFile) -> bool:
    """Whether the file is one tensor of a dtype and a number of dimensions that numpy has."""
    entries = file.entries()
    if len(entries) != 1:
        return False
    tensor = entries[0].tensor
    return tensor.dtype.name in DESCRIPTIONS and len(tensor.shape) <= MAX_DIMENSIONS


def open_npy(file: VirtualFile) -> NpyFile:
    """Describe the file of numpy's format, without computing the tensor; `fits_npy` must hold."""
    assert fits_npy(file)
    (tensor,) = file.entries().tensors
    text = BytesIO()
    described = {"descr": DESCRIPTIONS[tensor.dtype.name], "fortran_order": False, "shape": tensor.shape}
    npy.write_array_header_1_0(text, described)
    header = text.getvalue()
    entries = file.entries().moved(len(header))
    return NpyFile(file.resolved, header, entries, entries.stop, file)
