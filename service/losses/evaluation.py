"""Evaluation of a loss: from a request's bytes to the answer's. Blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import orjson

from tensorseed.errors import Fault, LossError, SpecError
from tensorseed.files.reader import read_tensors, to_torch
from tensorseed.losses import LOSSES, Call, evaluate, losses_catalog, read_loss
from tensorseed.losses.request import loss_class
from tensorseed.spec.json_io import load

from ..http.negotiation import JSON, OCTETS, negotiate
from .answers import file_pieces, json_text, numbers_of
from .context import LossesContext
from .queries import at_parameters, query_document

_SPELLED = 'a number that is not finite is one of the strings "NaN", "Infinity" and "-Infinity"'


@dataclass(frozen=True, slots=True)
class LossMessage:
    """A request for a loss, as it was sent.

    `body` is a safetensors file with the options in `parameters`; JSON where these are None.
    """

    name: str
    body: memoryview
    parameters: Mapping[str, str] | None
    accept: str


def catalog_text(name: str | None) -> bytes:
    """The catalogue, or its entry of one loss.

    Raises:
        UnknownNameError: There is no such loss.
    """
    if name is None:
        return orjson.dumps(list(_catalog().values()))
    loss_class(name)
    return orjson.dumps(_catalog()[name])


def answer(message: LossMessage, context: LossesContext) -> bytes | list[memoryview]:
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


def _call(message: LossMessage, context: LossesContext) -> Call:
    if message.parameters is None:
        return read_loss(message.name, _document(bytes(message.body)), context.limits)
    loss = LOSSES[message.name]
    raw = read_tensors(message.body, context.limits.dimensions)
    tensors = {name: to_torch(tensor) for name, tensor in raw.items()}
    try:
        return read_loss(message.name, query_document(loss, message.parameters), context.limits, tensors)
    except LossError as error:
        raise at_parameters(error, loss, message.parameters, tensors) from None


def _document(body: bytes) -> Mapping[str, Any]:
    """The request's JSON object."""
    try:
        document = load(body)
    except SpecError as error:
        faults = [Fault(fault.pointer, _SPELLED if fault.pointer else fault.detail) for fault in error.faults]
        raise LossError(faults) from None
    if not isinstance(document, dict):
        raise LossError.at("", "the request must be a JSON object of tensors and options by name")
    return document


def _form(message: LossMessage, numbers: int, context: LossesContext) -> str:
    """The media type for an answer of so many numbers."""
    limit = context.settings.json_elements
    over = f"an answer of over {limit:,} numbers is not available as JSON"
    remedy = f"{over}: accept {OCTETS}, or ask for fewer gradients"
    fits = numbers <= limit
    return negotiate(message.accept, (JSON, OCTETS), remedy, json_fits=lambda: fits, too_large=remedy)


@cache
def _catalog() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in losses_catalog()}
