"""What `verify` prints: lines for people, or one JSON document."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorseed.client.comparison import Difference, FileReport, TensorReport

_TOLD = {
    "equal": "",
    "missing": "the recipe has it and the file has not",
    "surplus": "the file has it and the recipe has not",
    "reshaped": "its dtype or shape is not the recipe's",
}


def as_lines(path: Path, report: FileReport, *, quiet: bool = False) -> Iterator[str]:
    """A line for each tensor, and one for the whole; with `quiet` for what differs alone."""
    if report.header != "equal":
        yield "different  the header"
    for tensor in report.tensors:
        if tensor.state != "equal" or not quiet:
            yield f"{tensor.state:9}  {tensor.name}  {_detail(tensor)}".rstrip()
    if report.lacking:
        yield f"cut        {report.lacking:,} bytes lack at the end"
    if report.surplus:
        yield f"surplus    {report.surplus:,} bytes after the last tensor"
    count = sum(tensor.state != "equal" for tensor in report.tensors)
    if report.equal and not quiet:
        yield f"{path}: every byte is what the recipe gives"
    elif not report.equal:
        yield f"{path}: not what the recipe gives, {count:,} of {len(report.tensors):,} tensors differ"


def as_document(path: Path, report: FileReport) -> str:
    """The same as JSON, in one line. Values that are no finite numbers are strings."""
    document = {
        "file": str(path),
        "equal": report.equal,
        "header": report.header,
        "lacking_bytes": report.lacking,
        "surplus_bytes": report.surplus,
        "tensors": [_member(tensor) for tensor in report.tensors],
    }
    return json.dumps(document, allow_nan=False)


def _detail(tensor: TensorReport) -> str:
    if tensor.first is None:
        return _TOLD.get(tensor.state, "")
    first = tensor.first
    values = f"{_text(first.found)} where the recipe gives {_text(first.expected)}"
    if _text(first.found) == _text(first.expected):
        values = f"{_text(first.found)} of other bits"
    count = f"{tensor.differing:,} of {tensor.elements:,} elements differ"
    return f"{count}, the first at {list(first.at)}: {values}"


def _text(value: float) -> str:
    return repr(value)


def _member(tensor: TensorReport) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "state": tensor.state,
        "elements": tensor.elements,
        "differing": tensor.differing,
        "first": None if tensor.first is None else _first(tensor.first),
    }


def _first(first: Difference) -> dict[str, Any]:
    return {"at": list(first.at), "found": _number(first.found), "expected": _number(first.expected)}


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
