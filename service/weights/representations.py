"""Representations of a file: safetensors, numpy's format, small JSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from math import prod
from typing import Any, ClassVar

import numpy as np
import orjson

from tensorseed.files.elements import ElementSource
from tensorseed.files.entries import Entry
from tensorseed.files.npy import open_npy
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.low_precision import decode
from tensorseed.spec.json.arrays import to_json_lists

from ..http.concurrency_limit import refusing_preparations
from ..http.negotiation import JSON, NPY, OCTETS
from ..http.responses import Chunk, Representation
from ..telemetry import range_attributes, span
from ..worker.worker import Worker
from .content_disposition import content_disposition


def entity_tag(digest: str) -> str:
    """The entity tag of a file's own bytes."""
    return f'"{digest}"'


class BinaryRepresentation(Representation):
    """A file's own bytes, computed while they are read."""

    media_type: ClassVar[str]
    extension: ClassVar[str]

    def __init__(self, worker: Worker, file: VirtualFile, headers: Mapping[str, str]) -> None:
        disposition = content_disposition(file, self.extension)
        content = {"Content-Type": self.media_type, "Content-Disposition": disposition}
        super().__init__(entity_tag(file.digest), headers, content)
        self.known_size = file.size
        self._worker = worker
        self._file = file

    async def size(self) -> int:
        """The number of bytes, known without computing any."""
        return self._file.size

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes [start, stop) where they are few and cheap."""
        return self._worker.at_once(self._file, start, stop)

    def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes [start, stop)."""
        return self._worker.stream(self._file, start, stop)


class SafetensorsRepresentation(BinaryRepresentation):
    """A safetensors file."""

    media_type = OCTETS
    extension = ".safetensors"


class NpyRepresentation(BinaryRepresentation):
    """The one tensor of a file in numpy's format."""

    media_type = NPY
    extension = ".npy"

    def __init__(self, worker: Worker, file: VirtualFile, headers: Mapping[str, str]) -> None:
        super().__init__(worker, open_npy(file), headers)


class JsonRepresentation(Representation):
    """A small file as `{"tensors": {name: {"dtype", "shape", "data"}}}`.

    Numbers are the exact values of the elements. Non-finite ones are the strings "NaN", "Infinity" and
    "-Infinity".
    """

    def __init__(self, worker: Worker, file: VirtualFile, headers: Mapping[str, str]) -> None:
        super().__init__(f'"{file.digest}-json"', headers, {"Content-Type": JSON})
        self._worker = worker
        self._file = file
        self._body: bytes | None = None

    async def size(self) -> int:
        """The number of bytes. Only the text has it, so this computes the values."""
        return len(await self._text())

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes [start, stop), once `size` has made the text."""
        return None if self._body is None else memoryview(self._body)[start:stop]

    async def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes [start, stop)."""
        yield memoryview(await self._text())[start:stop]

    async def _text(self) -> bytes:
        if self._body is None:
            with span("generate") as generating, refusing_preparations():
                if generating.is_recording():
                    generating.set_attributes(range_attributes(self._file, 0, self._file.size))
                self._body = await self._worker.read(self._file, partial(json_text, self._file))
        return self._body


REPRESENTATIONS: Mapping[str, Callable[[Worker, VirtualFile, Mapping[str, str]], Representation]] = {
    OCTETS: SafetensorsRepresentation,
    JSON: JsonRepresentation,
    NPY: NpyRepresentation,
}
"""The representations of a file by media type."""

FORMATS: Mapping[str, str] = {"safetensors": OCTETS, "json": JSON, "npy": NPY}
"""The media types by the names that a query gives them."""

NAMES: Mapping[str, str] = {media_type: name for name, media_type in FORMATS.items()}
"""The same the other way round."""


def fits_json(file: VirtualFile, limit: int) -> bool:
    """Whether the JSON form has at most `limit` numbers and empty lists; `[[], []]` has two of these."""
    count = 0
    for entry in file.entries():
        count += prod(_extent(entry.tensor.shape))
        if count > limit:
            return False
    return True


def json_text(file: VirtualFile, source: ElementSource) -> bytes:
    """The JSON form of a file."""
    tensors = {
        entry.tensor.name: {
            "dtype": entry.tensor.dtype.name,
            "shape": entry.tensor.shape,
            "data": _data(file, entry, source),
        }
        for entry in file.entries()
    }
    return orjson.dumps({"tensors": tensors})


def _extent(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions whose lists have members: those before the first 0."""
    return shape[: shape.index(0)] if 0 in shape else shape


def _data(file: VirtualFile, entry: Entry, source: ElementSource) -> Any:
    """The values of a tensor as nested lists. numpy cannot hold the shape of every empty one."""
    dtype, shape = entry.tensor.dtype, entry.tensor.shape
    if 0 in shape:
        return np.empty((*_extent(shape), 0)).tolist()
    stored = file.read(entry.start, entry.stop, source).copy().view(dtype.storage)
    return to_json_lists(decode(stored, dtype).reshape(shape), dtype.name)
