"""Writer of torch tensors as a safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tensorseed.files.header import write_header
from tensorseed.sampling.dtypes import DTYPES, FILE_ORDER

if TYPE_CHECKING:
    import torch


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
