"""Tensors that exist, as a safetensors file: its header, and their own memory after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

from tensorseed.sampling.dtypes import DTYPES, FILE_ORDER

if TYPE_CHECKING:
    import torch


def write_tensors(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> list[memoryview]:
    """The file's bytes in pieces: the header, then every tensor's data, of tensors on the CPU not copied.

    Ordered as the reference writer orders, by dtype and then by name; `metadata` keeps its order.
    """
    ordered = sorted(tensors.items(), key=lambda item: (FILE_ORDER[dtype_name(item[1])], item[0]))
    pieces = [_data(tensor) for _, tensor in ordered]
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    start = 0
    for (name, tensor), piece in zip(ordered, pieces, strict=True):
        code = DTYPES[dtype_name(tensor)].code
        place = [start, start + len(piece)]
        header[name] = {"dtype": code, "shape": list(tensor.shape), "data_offsets": place}
        start += len(piece)
    text = orjson.dumps(header)
    text += b" " * (-len(text) % 8)
    return [memoryview(len(text).to_bytes(8, "little") + text), *pieces]


def dtype_name(tensor: torch.Tensor) -> str:
    """torch's name of a tensor's dtype, without the module."""
    return str(tensor.dtype).removeprefix("torch.")


def _data(tensor: torch.Tensor) -> memoryview:
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    piece: memoryview = flat.view(torch.uint8).numpy().data
    return piece
