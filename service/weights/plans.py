"""The plan of a file: all of it but its values, as JSON from dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from tensorseed.files.virtual_file import Entry
from tensorseed.spec import lint
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedTensor

from .context import OpenFile

ROWS = 512  # of a piece, some 100 KB
SHARED_ROWS = 4_096  # remembered at a time
SLICE_CHARS = 1 << 16  # of a recipe in a piece


def plan_pieces(
    opened: OpenFile, url: str | None, limits: Limits, missing: str | None = None
) -> Iterator[bytes]:
    """The plan as JSON, in pieces, without computing a value. `missing` is the fault of the device."""
    file = opened.file
    resolved = file.resolved
    head = {
        "token": opened.token,
        "url": url,
        "etag": f'"{file.digest}"',
        "size": file.size,
        "header_size": len(file.header),
        "generator": resolved.generator,
        "seed": resolved.seed,
    }
    yield orjson.dumps(head)[:-1] + b',"recipe":'
    yield from _slices(resolved.recipe)
    rows = _Rows()
    entries = file.entries()
    for start in range(0, len(entries), ROWS):
        yield (b"," if start else b',"tensors":[') + rows.text(entries[start : start + ROWS])
    warnings: list[Mapping[str, str | None]] = [*lint.warnings(resolved)]
    if opened.token is None:
        warnings.append(_token_too_long(limits))
    if missing is not None:
        warnings.append(_missing_device(missing))
    yield (b"" if entries else b',"tensors":[') + b'],"warnings":' + orjson.dumps(warnings) + b"}"


def _slices(text: str) -> Iterator[bytes]:
    for start in range(0, len(text), SLICE_CHARS):
        yield text[start : start + SLICE_CHARS].encode()


def _token_too_long(limits: Limits) -> dict[str, str | None]:
    fault = f"the token of this spec is over {limits.token_chars:,} characters, so only POST serves the file"
    remedy = "write repeated entries once, with a brace range such as blocks.{0..11}.weight"
    return {"tensor": None, "code": "token_too_long", "detail": f"{fault}: {remedy}"}


def _missing_device(missing: str) -> dict[str, str | None]:
    return {"tensor": None, "code": "device", "detail": f"{missing}; a request for the file would answer 409"}


class _Rows:
    """Rows of tensors. Those of one entry share scheme and shape, and so all but name and range."""

    def __init__(self) -> None:
        self._shared: dict[tuple[int, int, str, tuple[int, ...]], dict[str, Any]] = {}

    def text(self, entries: Sequence[Entry]) -> bytes:
        """The rows as members of a JSON list."""
        rows = []
        for entry in entries:
            tensor = entry.tensor
            key = (id(tensor.scheme), id(tensor.distribution), tensor.dtype.name, tensor.shape)
            row = self._shared.get(key)
            if row is None:
                if len(self._shared) >= SHARED_ROWS:
                    self._shared.clear()
                row = self._shared[key] = _row(tensor)
            rows.append({"name": tensor.name, **row, "range": (entry.start, entry.stop)})
        return orjson.dumps(rows)[1:-1]


def _row(tensor: ResolvedTensor) -> dict[str, Any]:
    mean, std = tensor.distribution.moments(tensor.shape) or (None, None)
    fans = tensor.fans
    return {
        "dtype": tensor.dtype.name,
        "shape": tensor.shape,
        "init": tensor.scheme.model_dump(exclude={"data"}),  # literal values are in the recipe
        "fans": {"in": fans.fan_in, "out": fans.fan_out} if fans else None,
        "mean": mean,
        "std": std,
    }
