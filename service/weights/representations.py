"""The two forms of a file: its own bytes, and JSON for small ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractContextManager
from math import prod
from typing import Any

import numpy as np
import orjson

from tensorseed.files.materialised import Materialised
from tensorseed.files.virtual_file import Entry, VirtualFile
from tensorseed.sampling.executors.base import Executor
from tensorseed.sampling.low_precision import decode

from ..http.json_lists import nested
from ..http.negotiation import JSON, OCTETS
from ..http.responses import Chunk
from ..telemetry import range_attributes, span
from .context import WeightsContext

FILENAME = "weight.safetensors"


class SafetensorsForm:
    """A file as it is."""

    def __init__(self, context: WeightsContext, file: VirtualFile, headers: Mapping[str, str]) -> None:
        self._context = context
        self._file = file
        self.etag = f'"{file.digest}"'
        self.headers = headers
        self.content_headers = {
            "Content-Type": OCTETS,
            "Content-Disposition": f'attachment; filename="{FILENAME}"',
        }

    async def size(self) -> int:
        """The number of bytes, known without computing any."""
        return self._file.size

    def admit(self) -> AbstractContextManager[None]:
        """A place among the streams."""
        return self._context.streams.admit()

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes from `start` up to `stop`, where they are few and cheap."""
        return self._context.worker.at_once(self._file, start, stop)

    def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes from `start` up to `stop`, computed while they are read."""
        return self._context.worker.stream(self._file, start, stop)


class JsonForm:
    """A small file as `{"tensors": {name: {"dtype", "shape", "data"}}}`.

    Numbers are the exact values of the file's elements. JSON has finite numbers only: the others are the
    strings "NaN", "Infinity" and "-Infinity".
    """

    def __init__(self, context: WeightsContext, file: VirtualFile, headers: Mapping[str, str]) -> None:
        self._context = context
        self._file = file
        self._body: bytes | None = None
        self.etag = f'"{file.digest}-json"'
        self.headers = headers
        self.content_headers = {"Content-Type": JSON}

    async def size(self) -> int:
        """The number of bytes. Only the text itself has that number, so this computes the values."""
        return len(await self._text())

    def admit(self) -> AbstractContextManager[None]:
        """A place among the streams."""
        return self._context.streams.admit()

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The text's bytes from `start` up to `stop`: `size` has made the text."""
        return None if self._body is None else memoryview(self._body)[start:stop]

    async def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The text's bytes from `start` up to `stop`."""
        yield memoryview(await self._text())[start:stop]

    async def _text(self) -> bytes:
        if self._body is None:
            worker = self._context.worker
            source = await worker.source(self._file)
            with span("generate") as generating:
                if generating.is_recording():
                    generating.set_attributes(range_attributes(self._file, 0, self._file.size))
                self._body = await worker.run(json_text, self._file, source)
        return self._body


def fits_json(file: VirtualFile, limit: int) -> bool:
    """Whether the JSON form holds at most `limit` numbers and empty lists: `[[], []]` has two of these."""
    count = 0
    for entry in file.entries():
        count += prod(_extent(entry.tensor.shape))
        if count > limit:
            return False
    return True


def json_text(file: VirtualFile, source: Executor | Materialised) -> bytes:
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


def _data(file: VirtualFile, entry: Entry, source: Executor | Materialised) -> Any:
    """The values of a tensor as nested lists. numpy cannot hold the shape of every empty one."""
    dtype, shape = entry.tensor.dtype, entry.tensor.shape
    if 0 in shape:
        return np.empty((*_extent(shape), 0)).tolist()
    stored = file.read(entry.start, entry.stop, source).copy().view(dtype.storage)
    return nested(decode(stored, dtype).reshape(shape), dtype.name)
