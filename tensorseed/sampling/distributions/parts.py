"""Tensors in parts along an axis, each drawn as a tensor of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tensorseed.sampling.distributions.base import (
    BaseDistribution,
    Distribution,
    Elements,
    Indices,
    Magnitudes,
    Preparation,
    Sampler,
    Shape,
    Storage,
    Structured,
)
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.philox import Stream

PART_SECONDS = 2e-5  # of a part beside its elements
MIN_SLICE = 4_096  # elements of a slice from which on each of its copies is drawn by itself


@dataclass(frozen=True)
class Run:
    """`repeat` parts alike, one after the other from `start` on, each `size` long along the axis.

    What is drawn of a part is `size / copies` long. Each of its slices stands `copies` times in a row.
    """

    start: int
    size: int
    repeat: int
    copies: int
    base: Distribution

    @property
    def stop(self) -> int:
        """The end of the last part, exclusive."""
        return self.start + self.size * self.repeat

    @property
    def drawn(self) -> int:
        """The length of what is drawn of a part."""
        return self.size // self.copies


@dataclass(frozen=True)
class Parts(Structured):
    """A tensor of `shape`, which runs of parts fill along `axis`; no size is 0."""

    shape: Shape
    axis: int
    runs: tuple[Run, ...]

    is_cheap = False

    @cached_property
    def _inner(self) -> int:
        """The elements of a slice, in one place of all axes before."""
        return math.prod(self.shape[self.axis + 1 :])

    @cached_property
    def _row(self) -> int:
        """The elements along the axis and all axes behind it."""
        return self.shape[self.axis] * self._inner

    @property
    def is_literal(self) -> bool:
        """Whether the spec writes all parts out."""
        return all(run.base.is_literal for run in self.runs)

    def drawn_shape(self, run: Run) -> Shape:
        """The shape of what is drawn of each part of a run."""
        return (*self.shape[: self.axis], run.drawn, *self.shape[self.axis + 1 :])

    def pieces(self, shape: Shape) -> Iterator[tuple[BaseDistribution, Shape]]:
        """The distribution of each run, and the shape of what is drawn of its parts."""
        for run in self.runs:
            yield run.base, self.drawn_shape(run)

    def check_values(self, dtype: DType) -> None:
        """As every part."""
        for run in self.runs:
            run.base.check_values(dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the mixture: m = Σ wᵢ·mᵢ and Σ wᵢ·(vᵢ + (mᵢ − m)²), wᵢ the share of a part's elements."""
        found = [
            (run.size * run.repeat / self.shape[self.axis], run.base.mean_and_variance(self.drawn_shape(run)))
            for run in self.runs
        ]
        mean = math.fsum(share * own for share, (own, _) in found)
        return mean, math.fsum(share * (variance + (own - mean) ** 2) for share, (own, variance) in found)

    def magnitudes(self, shape: Shape) -> Magnitudes | None:
        """The largest of the parts that are random."""
        found = [*filter(None, (base.magnitudes(drawn) for base, drawn in self.pieces(shape)))]
        if not found:
            return None
        return Magnitudes(max(one.std for one in found), max(one.bound for one in found))

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Along the axis of the parts whether there is one, of equal slices; else whether all parts have."""
        if axis == self.axis:
            first = self.runs[0]
            if len(self.runs) > 1 or first.repeat > 1:
                return False
            return first.drawn == 1 or first.base.has_equal_slices(self.drawn_shape(first), axis)
        return all(base.has_equal_slices(drawn, axis) for base, drawn in self.pieces(shape))

    def preparations(self, stream: Stream, elements: Elements) -> Iterator[Preparation]:
        """Those of the parts that have an element among them."""
        for run in self.runs:
            if run.base.preparation_seconds:
                for start in self._starts(run, elements):
                    own = self._drawn_of(run, start, elements)
                    yield from run.base.preparations(stream.part(start), own)

    @property
    def preparation_seconds(self) -> float:
        """That of the part that takes the longest."""
        return max(run.base.preparation_seconds for run in self.runs)

    def preparing_seconds(self, elements: Elements, *, begins: bool, longest: float = math.inf) -> float:
        """Those of the parts that begin among the elements."""
        total = 0.0
        row, offset = divmod(elements.first, self._row)
        for run in self.runs if row == 0 else ():
            if run.base.preparation_seconds:
                whole = Elements(0, math.prod(self.drawn_shape(run)))
                one = run.base.preparing_seconds(whole, begins=True, longest=longest)
                parts = self._starts(run, elements)
                cut = bool(parts) and not begins and parts.start * self._inner < offset
                total += one * (len(parts) - cut)
        return total

    def nanoseconds(self, dtype: DType) -> float:
        """Those of the parts, by their shares."""
        whole = self.shape[self.axis]
        return math.fsum(run.size * run.repeat / whole * run.base.nanoseconds(dtype) for run in self.runs)

    def seconds(self, dtype: DType, elements: Elements) -> float:
        """Those of the parts that the elements touch."""
        row, offset = divmod(elements.first, self._row)
        if elements.runs == 1 and offset + elements.count <= self._row:
            return math.fsum(
                self._seconds_within(run, dtype, row, offset, elements.count) for run in self.runs
            )
        return math.fsum(self._seconds_across(run, dtype, row, elements) for run in self.runs)

    def _seconds_within(self, run: Run, dtype: DType, row: int, offset: int, count: int) -> float:
        """The time of those of `count` elements from `offset` on, in one row, that belong to a run."""
        begin, end = max(offset, run.start * self._inner), min(offset + count, run.stop * self._inner)
        if begin >= end:
            return 0.0
        length, drawn = run.size * self._inner, run.drawn * self._inner
        begin, end = begin - run.start * self._inner, end - run.start * self._inner
        touched = (end - 1) // length - begin // length + 1
        if touched == 1:
            own = Elements(row * drawn + begin % length // run.copies, end - begin)
            taken = run.base.seconds(dtype, own)
        else:
            taken = run.base.seconds(dtype, Elements(row * drawn, length)) * ((end - begin) / length)
        return taken + touched * PART_SECONDS

    def _seconds_across(self, run: Run, dtype: DType, row: int, elements: Elements) -> float:
        """The time of a run's share of elements that lie in several rows, or in several pieces."""
        share = run.size / self.shape[self.axis]
        count, runs = math.ceil(elements.count * share), math.ceil(elements.runs * share)
        own = Elements(row * run.drawn * self._inner, count, runs)
        return run.repeat * (run.base.seconds(dtype, own) + PART_SECONDS)

    def _starts(self, run: Run, elements: Elements) -> range:
        """Where on the axis those parts of a run begin that have one of the elements."""
        row, offset = divmod(elements.first, self._row)
        first, last = run.start, run.stop - 1
        if (elements.stop - 1) // self._row == row:
            first = max(first, offset // self._inner)
            last = min(last, (elements.stop - 1) % self._row // self._inner)
        begin = run.start + (first - run.start) // run.size * run.size
        return range(begin, last + 1, run.size)

    def _drawn_of(self, run: Run, start: int, elements: Elements) -> Elements:
        """What is drawn of a part for elements: slices where there is one row, otherwise all."""
        if self._row < math.prod(self.shape):
            return Elements(0, math.prod(self.drawn_shape(run)))
        width = self._inner * run.copies
        top = max(elements.first - start * self._inner, 0) // width
        bottom = -(-min(elements.stop - start * self._inner, run.size * self._inner) // width)
        return Elements(top * self._inner, (bottom - top) * self._inner)

    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Whole rows part by part, which are consecutive in each; the rows cut at both ends by themselves."""
        head = min(-first % self._row, out.size)
        rows = (out.size - head) // self._row
        if rows > 1:
            self._fill_within(sampler, dtype, stream, first, out[:head])
            whole = out[head : head + rows * self._row]
            self._fill_rows(sampler, dtype, stream, (first + head) // self._row, whole.reshape(rows, -1))
            first, out = first + head + whole.size, out[head + whole.size :]
        while out.size:
            count = min(-first % self._row or self._row, out.size)
            self._fill_within(sampler, dtype, stream, first, out[:count])
            first, out = first + count, out[count:]

    def _fill_rows(self, sampler: Sampler, dtype: DType, stream: Stream, row: int, out: Storage) -> None:
        """Fill rows (rows, elements of a row) from number `row` on."""
        for run in self.runs:
            width, drawn = run.size * self._inner, run.drawn * self._inner
            own = np.empty(out.shape[0] * drawn, out.dtype)
            for start in range(run.start, run.stop, run.size):
                sampler.fill(run.base, dtype, stream.part(start), row * drawn, own)
                at = start * self._inner
                slices = own.reshape(out.shape[0], run.drawn, self._inner)
                out[:, at : at + width] = np.repeat(slices, run.copies, axis=1).reshape(-1, width)

    def _fill_within(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Fill elements of one row."""
        if not out.size:
            return
        row, offset = divmod(first, self._row)
        for run in self.runs:
            for start in self._starts(run, Elements(first, out.size)):
                begin = max(offset, start * self._inner)
                end = min(offset + out.size, (start + run.size) * self._inner)
                if begin < end:
                    ahead = begin - start * self._inner
                    part = out[begin - offset : end - offset]
                    self._fill_part(sampler, dtype, stream.part(start), run, row, ahead, part)

    def _fill_part(
        self, sampler: Sampler, dtype: DType, own: Stream, run: Run, row: int, ahead: int, out: Storage
    ) -> None:
        """Fill elements of one part in one row, from number `ahead` on."""
        first = row * run.drawn * self._inner
        if run.copies == 1:
            sampler.fill(run.base, dtype, own, first + ahead, out)
            return
        if self._inner < MIN_SLICE:
            top = ahead // self._inner // run.copies
            bottom = (ahead + out.size - 1) // self._inner // run.copies
            slices = np.empty((bottom + 1 - top, self._inner), out.dtype)
            sampler.fill(run.base, dtype, own, first + top * self._inner, slices.reshape(-1))
            skipped = ahead - top * run.copies * self._inner
            out[:] = np.repeat(slices, run.copies, axis=0).reshape(-1)[skipped : skipped + out.size]
            return
        while out.size:
            position, offset = divmod(ahead, self._inner)
            count = min(self._inner - offset, out.size)
            begin = first + position // run.copies * self._inner + offset
            sampler.fill(run.base, dtype, own, begin, out[:count])
            ahead, out = ahead + count, out[count:]

    def gather(self, sampler: Sampler, dtype: DType, stream: Stream, indices: Indices, out: Storage) -> None:
        """The selection of each part that it touches."""
        rows, rest = np.divmod(indices, self._row)
        positions, within = np.divmod(rest, self._inner)
        starts = np.array([run.start for run in self.runs])
        sizes = np.array([run.size for run in self.runs])
        run_of = np.searchsorted(starts, positions, side="right") - 1
        ahead = (positions - starts[run_of]) % sizes[run_of]
        order = np.argsort(positions - ahead, kind="stable")
        cuts = np.flatnonzero(np.diff((positions - ahead)[order])) + 1
        for chosen in np.split(order, cuts) if indices.size else ():
            run = self.runs[int(run_of[chosen[0]])]
            start = int(positions[chosen[0]] - ahead[chosen[0]])
            slices = rows[chosen] * run.drawn + ahead[chosen] // run.copies
            gathered = np.empty(chosen.size, out.dtype)
            own = slices * self._inner + within[chosen]
            sampler.gather(run.base, dtype, stream.part(start), own, gathered)
            out[chosen] = gathered
