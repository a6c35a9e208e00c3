"""The plan of a file: all of it but its values, as JSON from dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tensorseed.files.virtual_file import VirtualFile
from tensorseed.spec import lint
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedTensor

from .context import OpenFile


def plan_text(opened: OpenFile, url: str | None, limits: Limits, missing: str | None = None) -> bytes:
    """The plan as JSON, without computing a value. `missing` is the fault of the device."""
    file = opened.file
    resolved = file.resolved
    warnings: list[Mapping[str, str | None]] = [*lint.warnings(resolved)]
    if opened.token is None:
        warnings.append(_token_too_long(limits))
    if missing is not None:
        warnings.append(_missing_device(missing))
    return orjson.dumps(
        {
            "token": opened.token,
            "url": url,
            "etag": f'"{file.digest}"',
            "size": file.size,
            "header_size": len(file.header),
            "generator": resolved.generator,
            "seed": resolved.seed,
            "recipe": orjson.Fragment(resolved.recipe),
            "tensors": _tensors(file),
            "warnings": warnings,
        }
    )


def _token_too_long(limits: Limits) -> dict[str, str | None]:
    fault = f"the token of this spec is over {limits.token_chars:,} characters, so only POST serves the file"
    remedy = "write repeated entries once, with a brace range such as blocks.{0..11}.weight"
    return {"tensor": None, "code": "token_too_long", "detail": f"{fault}: {remedy}"}


def _missing_device(missing: str) -> dict[str, str | None]:
    return {"tensor": None, "code": "device", "detail": f"{missing}; a request for the file would answer 409"}


def _tensors(file: VirtualFile) -> list[dict[str, Any]]:
    """One row a tensor. Tensors of one entry share scheme and shape, and so all but name and range."""
    shared: dict[tuple[int, int, str, tuple[int, ...]], dict[str, Any]] = {}
    rows = []
    for entry in file.entries():
        tensor = entry.tensor
        key = (id(tensor.scheme), id(tensor.distribution), tensor.dtype.name, tensor.shape)
        row = shared.get(key)
        if row is None:
            row = shared[key] = _row(tensor)
        rows.append({"name": tensor.name, **row, "range": (entry.start, entry.stop)})
    return rows


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
