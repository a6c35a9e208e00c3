"""A stored file beside the one that its recipe names: per tensor, equal or not, and where first.

Elements are compared by their bits: 0.0 and -0.0 differ, and a NaN equals the same NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.client.byte_ranges import cut
from tensorseed.client.local_compute import CHUNK, Generation
from tensorseed.client.local_file import LocalFile
from tensorseed.client.progress import Progress
from tensorseed.files.virtual_file import Entry, VirtualFile
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.low_precision import decode

State = Literal["equal", "different", "cut", "missing", "surplus", "reshaped"]


class Difference(NamedTuple):
    """The first element that differs: its index, what the file has and what the recipe gives."""

    at: tuple[int, ...]
    found: float
    expected: float


@dataclass(frozen=True, slots=True)
class TensorReport:
    """How a tensor compares. `differing` counts elements; those that a cut file lacks do not count."""

    name: str
    state: State
    elements: int = 0
    differing: int = 0
    first: Difference | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """How a file compares. `surplus` counts bytes after the last tensor, `lacking` those cut off."""

    header: Literal["equal", "different"]
    lacking: int
    surplus: int
    tensors: list[TensorReport] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether every byte is what the recipe gives."""
        right = all(tensor.state == "equal" for tensor in self.tensors)
        return right and self.header == "equal" and not self.lacking and not self.surplus


class _Piece(NamedTuple):
    """Bytes [start, stop) of a tensor, whose first one is at `at` in the stored file."""

    entry: Entry
    at: int
    start: int
    stop: int


class _Found(NamedTuple):
    """What comparing a piece found: how many elements differ, and the first of them."""

    piece: _Piece
    differing: int
    first: Difference | None


def compare(
    stored: LocalFile,
    file: VirtualFile,
    threads: int,
    kernel_cache: Path | None,
    progress: Progress = lambda _: None,
) -> FileReport:
    """Compute `file` chunk by chunk on all cores, and compare each with what is stored.

    Raises RefusedError where this host cannot compute it.
    """
    tensors: dict[str, TensorReport] = {}
    if any(True for _ in _pieces(stored, file)):
        generation = Generation(file, threads, kernel_cache)
        compared = generation.each(_pieces(stored, file), lambda piece: _compared(stored, generation, piece))
        for found in compared:
            _count(tensors, found)
            progress(found.piece.stop - found.piece.start)
    reports = [_told(stored, entry, tensors.get(entry.tensor.name)) for entry in file.entries()]
    known = {report.name for report in reports}
    reports += [TensorReport(name, "surplus") for name in stored.header.tensors if name not in known]
    lacking = max(0, stored.header.file_bytes - len(stored.data))
    surplus = max(0, len(stored.data) - stored.header.file_bytes)
    header: Literal["equal", "different"] = "equal" if stored.header.content == file.header else "different"
    return FileReport(header, lacking, surplus, reports)


def _fits(stored: LocalFile, entry: Entry) -> bool:
    """Whether the file has the tensor in its dtype and shape."""
    there = stored.header.tensors.get(entry.tensor.name)
    return there is not None and (there.dtype, there.shape) == (entry.tensor.dtype.code, entry.tensor.shape)


def _pieces(stored: LocalFile, file: VirtualFile) -> Iterator[_Piece]:
    """All that can be compared: of a file that was cut, the whole elements that are there."""
    for entry in file.entries():
        if not _fits(stored, entry):
            continue
        at, itemsize = stored.header.tensors[entry.tensor.name].start, entry.tensor.dtype.itemsize
        there = min(entry.stop - entry.start, max(0, len(stored.data) - at)) // itemsize * itemsize
        for start, stop in cut([(0, there)], CHUNK):
            yield _Piece(entry, at, start, stop)


def _compared(stored: LocalFile, generation: Generation, piece: _Piece) -> _Found:
    """Compute a piece and compare it."""
    entry, at, start, stop = piece
    expected = generation.read(entry.start + start, entry.start + stop)
    found = np.frombuffer(stored.data, np.uint8, stop - start, at + start)
    if np.array_equal(found, expected):
        return _Found(piece, 0, None)
    dtype = entry.tensor.dtype
    bits = f"u{dtype.itemsize}"
    unequal = np.flatnonzero(found.view(bits) != expected.view(bits))
    first = int(unequal[0])
    index = np.unravel_index(start // dtype.itemsize + first, entry.tensor.shape)
    return _Found(
        piece,
        unequal.size,
        Difference(tuple(int(i) for i in index), _value(found, first, dtype), _value(expected, first, dtype)),
    )


def _value(data: npt.NDArray[np.uint8], element: int, dtype: DType) -> float:
    return float(decode(data.view(dtype.storage)[element : element + 1], dtype)[0])


def _count(tensors: dict[str, TensorReport], found: _Found) -> None:
    """Add a piece to its tensor. Pieces come in order."""
    name, differing = found.piece.entry.tensor.name, found.differing
    known = tensors.get(name)
    if known is not None:
        first = known.first if known.first is not None else found.first
        differing += known.differing
    else:
        first = found.first
    state: State = "different" if differing else "equal"
    tensors[name] = TensorReport(name, state, found.piece.entry.tensor.numel, differing, first)


def _told(stored: LocalFile, entry: Entry, compared: TensorReport | None) -> TensorReport:
    """The report of a tensor that the recipe has."""
    name, elements = entry.tensor.name, entry.tensor.numel
    there = stored.header.tensors.get(name)
    if there is None:
        return TensorReport(name, "missing", elements)
    if not _fits(stored, entry):
        return TensorReport(name, "reshaped", elements)
    report = compared or TensorReport(name, "equal", elements)
    if there.stop > len(stored.data) and there.stop > there.start:
        return replace(report, state="cut")
    return report
