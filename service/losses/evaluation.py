"""From a request for a loss to the answer's body: what blocks, and runs on the worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import orjson

from tensorseed.errors import Fault, LossError, SpecError, UnrepresentableError
from tensorseed.files.reader import read_tensors, to_torch
from tensorseed.losses import LOSSES, Call, evaluate, losses_catalog, read_loss
from tensorseed.losses.request import loss_class
from tensorseed.spec.json_io import load

from ..http.negotiation import JSON, OCTETS, preferred
from .answers import file_pieces, json_text, numbers_of
from .context import LossesContext
from .queries import at_parameters, query_document

_SPELLED = 'a number that is not finite is one of the strings "NaN", "Infinity" and "-Infinity"'


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `body` is a safetensors file with the options in `parameters`; JSON where these are None."""

    name: str
    body: memoryview
    parameters: Mapping[str, str] | None
    accept: str


def catalog_text(name: str | None) -> bytes:
    """The catalog, or its entry of one loss. Raises UnknownNameError."""
    if name is None:
        return orjson.dumps(list(_catalog().values()))
    loss_class(name)
    return orjson.dumps(_catalog()[name])


def answer(asked: Asked, context: LossesContext) -> bytes | list[memoryview]:
    """The JSON text, or the pieces of the safetensors file, that the client prefers.

    Raises LossError, QueryError, TooLargeError, DeviceError, CapacityError, and UnrepresentableError where
    the client accepts JSON alone for more numbers than that holds.
    """
    call = _call(asked, context)
    context.worker.check_device(call.device)
    _form(asked, sum(call.tensors[name].numel() for name in call.gradients), context)
    if call.device == "auto":
        elements = sum(tensor.numel() for tensor in call.tensors.values())
        call = replace(call, device=context.worker.choose("losses", elements))
    with context.worker.translating_errors(call.device):
        result = evaluate(call)
    form = _form(asked, numbers_of(result), context)
    return json_text(result) if form == JSON else file_pieces(result)


def _call(asked: Asked, context: LossesContext) -> Call:
    if asked.parameters is None:
        return read_loss(asked.name, _document(bytes(asked.body)), context.limits)
    loss = LOSSES[asked.name]
    raw = read_tensors(asked.body, context.limits.dimensions)
    tensors = {name: to_torch(tensor) for name, tensor in raw.items()}
    try:
        return read_loss(asked.name, query_document(loss, asked.parameters), context.limits, tensors)
    except LossError as error:
        raise at_parameters(error, loss, asked.parameters, tensors) from None


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


def _form(asked: Asked, numbers: int, context: LossesContext) -> str:
    """The media type for an answer of so many numbers."""
    form = preferred(asked.accept, (JSON, OCTETS))
    limit = context.settings.json_elements
    if form == JSON and numbers > limit:
        form = preferred(asked.accept, (OCTETS,))
    if form is None:
        over = f"an answer of over {limit:,} numbers is not available as JSON"
        raise UnrepresentableError(f"{over}: accept {OCTETS}, or ask for fewer gradients")
    return form


@cache
def _catalog() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in losses_catalog()}
