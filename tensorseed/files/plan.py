"""Plan of a file: all of it but its values, from dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from tensorseed.files.entries import Entry
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.spec import lint
from tensorseed.spec.numbers import spelled
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.schemes import Scheme
from tensorseed.spec.schemes.parts import Parts

ROWS = 512  # of a piece, some 100 KB
SHARED_ROWS = 4_096  # remembered at a time
MAX_PARTS = 16  # of a row: more are in the recipe alone, for a plan may have 262,144 rows of them
SLICE_CHARS = 1 << 16  # of a recipe in a piece

PlanWarning = Mapping[str, str | None]  # of a plan: its tensor, or None for the file; code and detail


def plan_pieces(
    file: VirtualFile, token: str | None, url: str | None, warnings: Sequence[PlanWarning] = ()
) -> Iterator[bytes]:
    """Yield the plan as JSON, in pieces, without computing a value.

    `warnings` follow those of the spec.
    """
    resolved = file.resolved
    head = {
        "token": token,
        "url": url,
        "etag": f'"{file.digest}"',
        "size": file.size,
        "header_size": len(file.header),
        "generator": resolved.generator,
        "seed": resolved.seed,
    }
    yield orjson.dumps(head)[:-1] + b',"recipe":'
    yield from _slices(resolved.recipe)
    rows = PlanRows()
    entries = file.entries()
    for start in range(0, len(entries), ROWS):
        text = orjson.dumps(rows.of(entries[start : start + ROWS]))[1:-1]
        yield (b"," if start else b',"tensors":[') + text
    unused = [
        {"tensor": None, "code": lint.UNUSED_RULE, "detail": detail} for detail in lint.unused_rules(resolved)
    ]
    found = orjson.dumps([*unused, *lint.warnings(resolved), *warnings])
    yield (b"" if entries else b',"tensors":[') + b'],"warnings":' + found + b"}"


def _slices(text: str) -> Iterator[bytes]:
    for start in range(0, len(text), SLICE_CHARS):
        yield text[start : start + SLICE_CHARS].encode()


class PlanRows:
    """Rows of tensors. Those of one entry share scheme and shape, and so all but name and range."""

    def __init__(self) -> None:
        self._shared: dict[tuple[int, int, str, tuple[int, ...]], dict[str, Any]] = {}
        self._inits: dict[int, dict[str, Any]] = {}

    def of(self, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        """Return the rows of some tensors of one file, in their order."""
        rows = []
        for entry in entries:
            tensor = entry.tensor
            key = (id(tensor.scheme), id(tensor.distribution), tensor.dtype.name, tensor.shape)
            row = self._shared.get(key)
            if row is None:
                if len(self._shared) >= SHARED_ROWS:
                    self._shared.clear()
                    self._inits.clear()
                row = self._shared[key] = self._row(tensor)
            rows.append({"name": tensor.name, **row, "range": (entry.start, entry.stop)})
        return rows

    def _row(self, tensor: ResolvedTensor) -> dict[str, Any]:
        mean, std = tensor.distribution.moments(tensor.shape) or (None, None)
        fans, init = tensor.fans, self._inits.get(id(tensor.scheme))
        if init is None:
            init = self._inits[id(tensor.scheme)] = _init(tensor.scheme)
        return {
            "dtype": tensor.dtype.name,
            "shape": tensor.shape,
            "init": init,
            "fans": {"in": fans.fan_in, "out": fans.fan_out} if fans else None,
            "mean": mean,
            "std": std,
        }


def _init(scheme: Scheme) -> dict[str, Any]:
    """All parameters of an init but literal values and many parts, which are in the recipe."""
    parameters = scheme.model_dump(exclude={"data", "parts"})
    described = {
        name: spelled(value) if isinstance(value, float) else value for name, value in parameters.items()
    }
    if isinstance(scheme, Parts) and len(scheme.parts) <= MAX_PARTS:
        numbers = ("size", "repeat", "copies")
        described["parts"] = [
            {name: getattr(part, name) for name in numbers} | {"init": _init(part.init)}
            for part in scheme.parts
        ]
    return described
