"""Selection of a tensor's elements: all, or runs of them spread evenly.

The work is bounded whatever the size of the tensor and the cost of an element.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.files.elements import ElementSource
from tensorseed.sampling.distributions.base import Elements, Indices, Numbers, Storage
from tensorseed.sampling.low_precision import decode
from tensorseed.spec.resolved import ResolvedTensor

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ELEMENTS = 1 << 20  # of a selection
MAX_SECONDS = 0.5  # estimated, of drawing it on one core
RUN = 256  # consecutive elements of a run
PIECE = 1 << 18  # elements that are drawn between two looks at a cancellation
_GOLDEN = 0x9E3779B97F4A7C15  # 2⁶⁴ over the golden ratio: multiples of it are spread evenly modulo 2⁶⁴


@dataclass(frozen=True)
class Selection:
    """Runs of a tensor's elements, each of `run` consecutive ones from its place in `starts` on."""

    starts: Indices
    run: int

    @property
    def count(self) -> int:
        """The number of elements."""
        return self.starts.size * self.run

    @property
    def elements(self) -> Elements:
        """The elements, as costs and preparations are estimated by."""
        if not self.count:
            return Elements(0, 0)
        first = int(self.starts[0])
        return Elements(first, self.count, self.starts.size, int(self.starts[-1]) + self.run - first)

    def read(self, tensor: ResolvedTensor, source: ElementSource) -> Numbers:
        """The exact numbers of the elements, run after run.

        Raises:
            ComputationCancelledError: the computation of this thread is cancelled.
        """
        out: Numbers = np.empty(self.count)
        done = 0
        for piece in self._pieces(tensor, source):
            out[done : done + piece.size] = decode(piece.reshape(-1), tensor.dtype)
            done += piece.size
        return out

    def _pieces(self, tensor: ResolvedTensor, source: ElementSource) -> Iterator[Storage]:
        if self.starts.size <= 1:
            first = int(self.starts[0]) if self.starts.size else 0
            for start in range(0, self.run, PIECE):
                check_cancelled()
                out = np.empty(min(PIECE, self.run - start), tensor.dtype.storage)
                source.fill(tensor, first + start, out)
                yield out
            return
        at_once = max(1, PIECE // self.run)
        for row in range(0, self.starts.size, at_once):
            check_cancelled()
            starts = self.starts[row : row + at_once]
            rows = np.empty((starts.size, self.run), tensor.dtype.storage)
            source.fill_runs(tensor, starts, rows)
            yield rows


def select_evenly(tensor: ResolvedTensor, most: int = MAX_ELEMENTS) -> Selection:
    """All elements of a tensor, or at most `most` of them in runs spread evenly over it.

    Dear elements are fewer, so that drawing them is estimated to take `MAX_SECONDS` at most, or is of one.
    """
    numel = tensor.numel
    if numel <= most:
        whole = Selection(np.zeros(min(numel, 1), np.int64), numel)
        if _seconds(tensor, whole) <= MAX_SECONDS:
            return whole
    run = min(RUN, most)
    runs = max(1, min(most, numel) // run)
    found = _spread(numel, runs, run)
    while found.count > 1 and _seconds(tensor, found) > MAX_SECONDS:
        runs, run = (runs // 2, run) if runs > 1 else (1, run // 2)
        found = _spread(numel, runs, run)
    return found


def _spread(numel: int, runs: int, run: int) -> Selection:
    """One run in each of `runs` equal parts of the tensor, at a place that differs from part to part.

    Rows of the tensor can be as long as the parts, and the same columns would then be in every run.
    """
    length = numel // runs
    free = length - run
    starts = [part * length + ((part * _GOLDEN % (1 << 64)) * (free + 1) >> 64) for part in range(runs)]
    return Selection(np.array(starts, np.int64), run)


def _seconds(tensor: ResolvedTensor, selection: Selection) -> float:
    """The estimated time on one core, with preparations that are computed once and cached."""
    distribution, elements = tensor.distribution, selection.elements
    preparing = distribution.preparing_seconds(elements, begins=True)
    first = distribution.preparation_seconds  # of any element, however few
    return max(0.0, preparing - first) + distribution.seconds(tensor.dtype, elements)


def read_elements(tensor: ResolvedTensor, indices: Indices, source: ElementSource) -> Numbers:
    """The exact numbers of the elements at `indices`, in their order.

    Raises:
        ComputationCancelledError: the computation of this thread is cancelled.
    """
    out: Numbers = np.empty(indices.size)
    for start in range(0, indices.size, PIECE):
        check_cancelled()
        chosen = indices[start : start + PIECE]
        gathered = np.empty(chosen.size, tensor.dtype.storage)
        source.gather(tensor, chosen, gathered)
        out[start : start + PIECE] = decode(gathered, tensor.dtype)
    return out
