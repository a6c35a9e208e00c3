"""Answers of losses: JSON, or a safetensors file."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from starlette.responses import Response, StreamingResponse

from tensorseed.files.writer import dtype_name, write_tensors

from ..http.json_numbers import to_json_lists
from ..http.negotiation import JSON, OCTETS

if TYPE_CHECKING:
    import torch

    from tensorseed.losses import Result

FILENAME = "loss.safetensors"
SLICE = 1 << 18  # bytes handed to the socket at a time


def numbers_of(result: Result) -> int:
    """The numbers and empty lists that the JSON form would hold."""
    tensors = [result.loss, *result.gradients.values(), *result.outputs.values()]
    return sum(math.prod(takewhile(bool, tensor.shape)) for tensor in tensors)


def json_text(result: Result) -> bytes:
    """The JSON form. Numbers are the exact values of the tensors' elements."""
    document: dict[str, Any] = {
        "loss": _numbers(result.loss),
        "denominator": _number(result.denominator),
        "reduction": result.reduction,
        "dtype": result.dtype,
        "device": result.device,
        "gradients": {name: _numbers(tensor) for name, tensor in result.gradients.items()},
        "notes": result.notes,
    }
    if result.outputs:
        document["outputs"] = {name: _numbers(tensor) for name, tensor in result.outputs.items()}
    return orjson.dumps(document)


def file_pieces(result: Result) -> list[memoryview]:
    """The safetensors form: `loss`, `gradients.input` and so on, other outputs by their names.

    The rest is metadata: texts as in the JSON form, notes one a line, without null and empty ones.
    """
    gradients = {f"gradients.{name}": tensor for name, tensor in result.gradients.items()}
    metadata = {"format": "pt", "reduction": result.reduction, "dtype": result.dtype, "device": result.device}
    if result.denominator is not None:
        metadata["denominator"] = orjson.dumps(_number(result.denominator)).decode().strip('"')
    if result.notes:
        metadata["notes"] = "\n".join(result.notes)
    return write_tensors({"loss": result.loss, **gradients, **result.outputs}, metadata)


def loss_response(body: bytes | Sequence[memoryview]) -> Response:
    """The response with a JSON text or the pieces of a file as its body."""
    headers = {"Vary": "Accept"}
    if isinstance(body, bytes):
        return Response(body, headers=headers, media_type=JSON)
    headers["Content-Length"] = str(sum(map(len, body)))
    headers["Content-Disposition"] = f'attachment; filename="{FILENAME}"'
    return StreamingResponse(_slices(body), headers=headers, media_type=OCTETS)


async def _slices(pieces: Sequence[memoryview]) -> AsyncGenerator[memoryview, None]:
    for piece in pieces:
        for start in range(0, len(piece), SLICE):
            yield piece[start : start + SLICE]


def _numbers(tensor: torch.Tensor) -> Any:
    name = dtype_name(tensor)
    return to_json_lists(tensor.double().numpy(), name)


def _number(value: float | None) -> Any:
    return None if value is None else to_json_lists(np.array(value, np.float64), "float64")
