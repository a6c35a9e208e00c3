"""Verification of a file against its own recipe, and the report of it.

Elements are compared by their bits: 0.0 and -0.0 differ, and a NaN equals the same NaN.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.client.byte_ranges import split
from tensorseed.client.local_compute import computation_of
from tensorseed.client.local_file import LocalFile, open_local, recipe_file
from tensorseed.client.progress import Progress, bar
from tensorseed.devices.local import LocalSettings
from tensorseed.files.computation import CHUNK_BYTES, FileComputation
from tensorseed.files.entries import Entry
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.low_precision import decode

_DETAILS = {
    "equal": "",
    "missing": "the recipe has it and the file has not",
    "surplus": "the file has it and the recipe has not",
    "reshaped": "its dtype or shape is not the recipe's",
}

State = Literal["equal", "different", "cut", "missing", "surplus", "reshaped"]


class Difference(NamedTuple):
    """The first element that differs: its index, the value of the file and that of the recipe."""

    at: tuple[int, ...]
    found: float | int
    expected: float | int


@dataclass(frozen=True, slots=True)
class TensorReport:
    """The comparison of a tensor; `differing` counts elements, without those that a cut file lacks."""

    name: str
    state: State
    elements: int = 0
    differing: int = 0
    first: Difference | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """The comparison of a file; `surplus` counts bytes after the last tensor, `lacking` those cut off."""

    header: Literal["equal", "different"]
    lacking: int
    surplus: int
    tensors: list[TensorReport] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether every byte is that of the recipe."""
        equal = all(tensor.state == "equal" for tensor in self.tensors)
        return equal and self.header == "equal" and not self.lacking and not self.surplus


class _Piece(NamedTuple):
    """Bytes [start, stop) of a tensor, whose first byte is at `at` in the local file."""

    entry: Entry
    at: int
    start: int
    stop: int


class _Result(NamedTuple):
    """The comparison of a piece: how many elements differ, and the first of them."""

    piece: _Piece
    differing: int
    first: Difference | None


def verify_file(path: Path, settings: LocalSettings, *, quiet: bool) -> FileReport:
    """Compare the file at `path` with the file of its own recipe.

    Raises:
        RefusedError: the file has no recipe, or this host cannot compute it.
        MismatchError: the file breaks the format, or its recipe is damaged.
        DiskError: the file cannot be read.
    """
    with open_local(path) as local:
        file = recipe_file(local)
        with bar(path.name, file.size - len(file.header), 0, quiet=quiet) as progress:
            return compare(local, file, settings, progress)


def compare(
    local: LocalFile,
    file: VirtualFile,
    settings: LocalSettings,
    progress: Progress = lambda _: None,
) -> FileReport:
    """Compare the bytes of `local` with those of `file`, which are computed on all cores.

    Raises:
        RefusedError: this host cannot compute the file.
    """
    tensors: dict[str, TensorReport] = {}
    if any(True for _ in _pieces(local, file)):
        computation = computation_of(file, settings)
        results = computation.map(
            lambda piece: _compare_piece(local, computation, piece), _pieces(local, file)
        )
        for result in results:
            _add(tensors, result)
            progress(result.piece.stop - result.piece.start)
    reports = [_report(local, entry, tensors.get(entry.tensor.name)) for entry in file.entries()]
    known = {report.name for report in reports}
    reports += [TensorReport(name, "surplus") for name in local.header.tensors if name not in known]
    lacking = max(0, local.header.file_bytes - len(local.data))
    surplus = max(0, len(local.data) - local.header.file_bytes)
    header: Literal["equal", "different"] = "equal" if local.header.content == file.header else "different"
    return FileReport(header, lacking, surplus, reports)


def _fits(local: LocalFile, entry: Entry) -> bool:
    """Return whether the file has the tensor in its dtype and shape."""
    there = local.header.tensors.get(entry.tensor.name)
    return there is not None and (there.dtype, there.shape) == (entry.tensor.dtype.code, entry.tensor.shape)


def _pieces(local: LocalFile, file: VirtualFile) -> Iterator[_Piece]:
    """Yield all that can be compared: of a cut file, the whole elements that are there."""
    for entry in file.entries():
        if not _fits(local, entry):
            continue
        at, itemsize = local.header.tensors[entry.tensor.name].start, entry.tensor.dtype.itemsize
        there = min(entry.stop - entry.start, max(0, len(local.data) - at)) // itemsize * itemsize
        for start, stop in split([(0, there)], CHUNK_BYTES):
            yield _Piece(entry, at, start, stop)


def _compare_piece(local: LocalFile, computation: FileComputation, piece: _Piece) -> _Result:
    entry, at, start, stop = piece
    expected = computation.read(entry.start + start, entry.start + stop)
    found = np.frombuffer(local.data, np.uint8, stop - start, at + start)
    if np.array_equal(found, expected):
        return _Result(piece, 0, None)
    dtype = entry.tensor.dtype
    bits = f"u{dtype.itemsize}"
    unequal = np.flatnonzero(found.view(bits) != expected.view(bits))
    first = int(unequal[0])
    index = np.unravel_index(start // dtype.itemsize + first, entry.tensor.shape)
    return _Result(
        piece,
        unequal.size,
        Difference(tuple(int(i) for i in index), _value(found, first, dtype), _value(expected, first, dtype)),
    )


def _value(data: npt.NDArray[np.uint8], element: int, dtype: DType) -> float | int:
    stored = data.view(dtype.storage)[element : element + 1]
    if dtype.is_integer:  # which float64 does not hold
        return int(stored[0])
    return float(decode(stored, dtype)[0])


def _add(tensors: dict[str, TensorReport], result: _Result) -> None:
    """Add the result of a piece to its tensor; pieces come in order."""
    name, differing = result.piece.entry.tensor.name, result.differing
    known = tensors.get(name)
    if known is not None:
        first = known.first if known.first is not None else result.first
        differing += known.differing
    else:
        first = result.first
    state: State = "different" if differing else "equal"
    tensors[name] = TensorReport(name, state, result.piece.entry.tensor.numel, differing, first)


def _report(local: LocalFile, entry: Entry, compared: TensorReport | None) -> TensorReport:
    """Return the report of a tensor of the recipe."""
    name, elements = entry.tensor.name, entry.tensor.numel
    there = local.header.tensors.get(name)
    if there is None:
        return TensorReport(name, "missing", elements)
    if not _fits(local, entry):
        return TensorReport(name, "reshaped", elements)
    report = compared or TensorReport(name, "equal", elements)
    if there.stop > len(local.data) and there.stop > there.start:
        return replace(report, state="cut")
    return report


def as_lines(path: Path, report: FileReport, *, quiet: bool = False) -> Iterator[str]:
    """Yield a line for each tensor and one for the file; with `quiet` only for those that differ."""
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
    """Return the report as JSON in one line; numbers that are not finite are strings."""
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
        return _DETAILS.get(tensor.state, "")
    first = tensor.first
    values = f"{first.found!r} where the recipe gives {first.expected!r}"
    if repr(first.found) == repr(first.expected):
        values = f"{first.found!r} of other bits"
    count = f"{tensor.differing:,} of {tensor.elements:,} elements differ"
    return f"{count}, the first at {list(first.at)}: {values}"


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


def _number(value: float | int) -> float | int | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
