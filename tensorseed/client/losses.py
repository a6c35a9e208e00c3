"""Requests and results of losses: tensors as JSON or as safetensors files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import numpy as np
import numpy.typing as npt

from tensorseed.client.errors import RefusedError, RefusedLossError
from tensorseed.client.http.answers import AnswerError, one_line
from tensorseed.client.http.remote import JSON, OCTETS, Remote
from tensorseed.errors import Fault, LossError, UnknownNameError, shortened
from tensorseed.files.arrays import RawArray, is_array, json_text, raw_array, write_arrays
from tensorseed.files.header import HeaderError, read_header
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.json.values import dtype_text
from tensorseed.weights.lazy_array import numpy_dtype

LOSSES = "/v1/losses"
MAX_FILE_BYTES = 1 << 31  # of an answer with arrays
WORK_SECONDS = 600.0  # that a server may compute before it answers

_DTYPES = {dtype.code: dtype for dtype in DTYPES.values()}
_NAME = re.compile(r"\w{1,100}", re.ASCII)
_MEMBERS = {"dtype", "device", "gradients", "reduction"}  # of every request, beside the options


@dataclass(frozen=True)
class LossResult:
    """A loss: its value, the divisor of the reduction, and gradients.

    `value` is a number, or an array where nothing is reduced. `denominator` is None there.
    `gradients` and `outputs` are arrays by name, in the dtype that the loss was computed in.
    `notes` are sentences on what torch computes silently and is hardly meant.
    """

    value: float | npt.NDArray[Any]
    denominator: float | None
    gradients: Mapping[str, npt.NDArray[Any]]
    outputs: Mapping[str, npt.NDArray[Any]]
    reduction: str
    dtype: str
    device: str
    notes: tuple[str, ...]

    def __float__(self) -> float:
        return float(self.value)


class _Message(NamedTuple):
    """A request: its path with the query, the media type of the body, and the body."""

    path: str
    media_type: str
    body: bytes


async def request_loss(
    remote: Remote, name: str, arguments: Mapping[str, Any], gradients: Sequence[str]
) -> LossResult:
    """Evaluate a loss on the servers.

    Arrays are sent as a safetensors file, in their dtypes, and nested lists as JSON.

    Raises:
        UnknownNameError: no loss has this name.
        LossError: the arguments are not valid; `faults` has a pointer and a remedy for every fault.
        RefusedError: the servers refuse the request.
        NetworkError: no server answered as it should.
        TypeError: the name is no text, or the dtype none.
    """
    if not isinstance(name, str):
        raise TypeError(f"a loss is named by a text, such as mse_loss, and not {type(name).__name__}")
    if not _NAME.fullmatch(name):
        raise UnknownNameError(f"no loss is called {shortened(name)!r}: give a name such as mse_loss")
    if not isinstance(gradients, Iterable):
        raise LossError.at("/gradients", 'gradients are a list of names of tensors, such as ["input"]')
    gradients = [gradients] if isinstance(gradients, str) else list(gradients)
    if arguments.get("dtype") is not None:
        arguments = {**arguments, "dtype": dtype_text(arguments["dtype"])}
    message = await _message(remote, name, arguments, gradients)
    headers = {"Content-Type": message.media_type, "Accept": OCTETS}

    def read(content: bytearray, _: Mapping[str, str]) -> LossResult:
        return _result(*read_arrays(content), gradients)

    try:
        return await remote.answer(
            "POST", message.path, read, headers, message.body, MAX_FILE_BYTES, WORK_SECONDS
        )
    except RefusedError as error:
        if error.type != "urn:tensorseed:problem:invalid-query":
            raise
        faults = [Fault(f"/{fault.pointer}", fault.detail) for fault in error.faults]
        refused = RefusedLossError.of(error.detail or str(error), faults)
        raise refused.of_answer(error.status, error.type, error.detail) from None


async def _message(
    remote: Remote, name: str, arguments: Mapping[str, Any], gradients: Sequence[str]
) -> _Message:
    """Return the request of a loss: a file where arrays are all of its tensors, else JSON."""
    path = f"{LOSSES}/{quote(name, safe='')}"
    arrays = await asyncio.to_thread(
        lambda: {key: raw_array(value) for key, value in arguments.items() if is_array(value)}
    )
    rest = {key: value for key, value in arguments.items() if key not in arrays}
    if arrays and await _are_options(remote, path, rest):
        options = {key: value for key, value in rest.items() if value is not None}
        if gradients:
            options["gradients"] = gradients
        query = urlencode({key: _query_text(value) for key, value in options.items()}, quote_via=quote)
        return _Message(
            f"{path}?{query}" if query else path, OCTETS, await asyncio.to_thread(write_arrays, arrays)
        )
    document = {"dtype": _common_dtype(arrays), **arguments} if arrays else {**arguments}
    if gradients:
        document["gradients"] = gradients
    if document.get("dtype", "") is None:
        del document["dtype"]
    return _Message(path, JSON, await asyncio.to_thread(json_text, document))


async def _are_options(remote: Remote, path: str, arguments: Mapping[str, Any]) -> bool:
    """Return whether none of the arguments is a tensor, by the service's catalogue."""
    unclear = {key for key, value in arguments.items() if not isinstance(value, str | bool | None)} - _MEMBERS
    if not unclear:
        return True
    entry = await remote.document(path)
    parameters = entry.get("parameters")
    known = parameters if isinstance(parameters, list) else []
    return unclear <= {one.get("name") for one in known if isinstance(one, dict)}


def _common_dtype(arrays: Mapping[str, RawArray]) -> str | None:
    """Return the dtype of the floating arrays, which numbers in JSON lose.

    Raises:
        LossError: they have several.
    """
    found = {raw.dtype: name for name, raw in arrays.items() if raw.is_floating}
    if len(found) > 1:
        (first, _), (second, name), *_ = found.items()
        raise LossError.at(f"/{name}", f"{name} is {second} and others are {first}: give all one dtype")
    return next(iter(found), None)


def _query_text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value).decode()


def read_arrays(content: bytearray) -> tuple[Mapping[str, str], dict[str, npt.NDArray[Any]]]:
    """Return the metadata and the arrays of a safetensors file.

    Raises:
        AnswerError: the file breaks the format.
    """
    data = memoryview(content)
    try:
        header = read_header(data, item_bytes={code: dtype.itemsize for code, dtype in _DTYPES.items()})
    except HeaderError as error:
        raise AnswerError(one_line(error.fault)) from None
    if header.file_bytes != len(data):
        raise AnswerError("its content is no whole safetensors file")
    arrays = {}
    for name, entry in header.tensors.items():
        dtype = _DTYPES[entry.dtype]
        flat = np.frombuffer(data[entry.start : entry.stop], dtype.storage).copy()
        arrays[name] = flat.view(numpy_dtype(dtype)).reshape(entry.shape)
    return header.metadata, arrays


def _result(
    metadata: Mapping[str, str], arrays: dict[str, npt.NDArray[Any]], gradients: Sequence[str]
) -> LossResult:
    """Return the result that a file holds.

    Raises:
        AnswerError: it lacks a member.
    """
    lacking = {"reduction", "dtype", "device"} - set(metadata)
    lacking |= {"loss", *(f"gradients.{name}" for name in gradients)} - set(arrays)
    if lacking:
        raise AnswerError(f"it lacks {one_line(', '.join(sorted(lacking)))}")
    value = arrays.pop("loss")
    found = {
        name.removeprefix("gradients."): array
        for name, array in arrays.items()
        if name.startswith("gradients.")
    }
    outputs = {name: array for name, array in arrays.items() if not name.startswith("gradients.")}
    try:
        denominator = float(metadata["denominator"]) if "denominator" in metadata else None
    except ValueError:
        raise AnswerError("its denominator is no number") from None
    return LossResult(
        value if value.ndim else float(value),
        denominator,
        found,
        outputs,
        one_line(metadata["reduction"]),
        one_line(metadata["dtype"]),
        one_line(metadata["device"]),
        tuple(map(one_line, metadata.get("notes", "").splitlines())),
    )
