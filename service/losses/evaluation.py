"""Evaluation of a loss: from a request's bytes to JSON or a file. Blocks."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from starlette.responses import Response, StreamingResponse

from tensorseed.errors import Fault, LossError, SpecError
from tensorseed.files.header import dtype_name, write_tensors
from tensorseed.files.reader import read_tensors, to_torch
from tensorseed.losses import Call, evaluate, losses_catalog, read_loss
from tensorseed.losses.request import loss_class
from tensorseed.spec.faults import misplaced
from tensorseed.spec.json.arrays import to_json_lists
from tensorseed.spec.json.text import NotFiniteError, load
from tensorseed.spec.limits import Limits

from ..http.context import JobsContext
from ..http.memory import MemoryLease
from ..http.negotiation import JSON, OCTETS, negotiate
from ..http.texts import complete_text
from .queries import at_parameters, query_document

if TYPE_CHECKING:
    import torch

    from tensorseed.losses import Result

_SPELLED = 'a number that is not finite is one of the strings "NaN", "Infinity" and "-Infinity"'


@dataclass(frozen=True, slots=True)
class LossMessage:
    """A request for a loss, as it was sent.

    `body` is a safetensors file with the options in `parameters`; JSON where these are None.
    """

    kind: str
    body: memoryview
    parameters: Mapping[str, str] | None
    accept: str


def catalog_text(kind: str | None) -> bytes:
    """The catalogue, or its entry of one loss.

    Raises:
        UnknownNameError: There is no such loss.
    """
    if kind is None:
        return orjson.dumps(list(_catalog().values()))
    return orjson.dumps(_catalog()[loss_class(kind).kind])


def answer(message: LossMessage, context: JobsContext) -> bytes | list[memoryview]:
    """The JSON text, or the pieces of the safetensors file, as the client prefers.

    Raises:
        LossError: The tensors or options are not valid.
        QueryError: A query parameter is not valid.
        TooLargeError: The tensors exceed a limit.
        DeviceError: The device is absent or has failed.
        CapacityError: Memory does not suffice.
        UnrepresentableError: The client accepts JSON alone, for more numbers than that holds.
    """
    call = _call(message, context)
    context.worker.check_device(call.device)
    _form(message, sum(call.tensors[name].numel() for name in call.gradients), context)
    if call.device == "auto":
        elements = sum(tensor.numel() for tensor in call.tensors.values())
        call = replace(call, device=context.worker.choose("losses", elements))
    with context.worker.translating_errors(call.device):
        result = evaluate(call)
    form = _form(message, numbers_of(result), context)
    return json_text(result) if form == JSON else file_pieces(result)


def _call(message: LossMessage, context: JobsContext) -> Call:
    if message.parameters is None:
        return read_loss(message.kind, _document(bytes(message.body), context.limits), context.limits)
    loss = loss_class(message.kind)
    raw = read_tensors(message.body, context.limits.dimensions, "body")
    tensors = {name: to_torch(tensor) for name, tensor in raw.items()}
    try:
        return read_loss(message.kind, query_document(loss, message.parameters), context.limits, tensors)
    except LossError as error:
        raise at_parameters(error, loss, message.parameters, tensors) from None


def _document(body: bytes, limits: Limits) -> Mapping[str, Any]:
    """The request's JSON object."""
    try:
        document = load(body, limits)
    except NotFiniteError as error:
        raise LossError([Fault(fault.pointer, _SPELLED) for fault in error.faults]) from None
    except SpecError as error:
        raise LossError(error.faults) from None
    if not isinstance(document, dict):
        detail = "the request must be a JSON object of tensors and options by name"
        raise LossError.at("", f"{detail}{misplaced(document)}")
    return document


def _form(message: LossMessage, numbers: int, context: JobsContext) -> str:
    """The media type for an answer of so many numbers."""
    limit = context.settings.json_elements
    over = f"an answer of over {limit:,} numbers is not available as JSON"
    remedy = f"{over}: accept {OCTETS}, or ask for fewer gradients"
    fits = numbers <= limit
    return negotiate(message.accept, (JSON, OCTETS), remedy, json_fits=lambda: fits, too_large=remedy)


@cache
def _catalog() -> dict[str, dict[str, Any]]:
    return {entry["kind"]: entry for entry in losses_catalog()}


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


def loss_response(body: bytes | Sequence[memoryview], lease: MemoryLease) -> Response:
    """The response with a JSON text or the pieces of a file as its body.

    Raises:
        BusyError: The memory for it is in use.
    """
    headers = {"Vary": "Accept"}
    if isinstance(body, bytes):
        return complete_text(body, lease, headers)
    size = sum(map(len, body))
    lease.take(size)
    headers["Content-Length"] = str(size)
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
