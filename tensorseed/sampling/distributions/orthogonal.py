"""Haar-distributed orthogonal matrices, computed part by part.

With m the longer side of the matrix and k the shorter one, k Gaussian vectors g₀ … gₖ₋₁ of lengths m,
m − 1, … define Householder reflections H₀ … Hₖ₋₁. Hⱼ maps gⱼ to −sⱼ·‖gⱼ‖·e₁, sⱼ the sign of its first
element, and acts on the coordinates from j on. Then

    Q = H₀ H₁ … Hₖ₋₁ D,    D = diag(−sⱼ),    of m rows and k columns,

has the Haar distribution (Stewart, "The efficient generation of random orthogonal matrices with an
application to condition estimators", SIAM J. Numer. Anal. 17, 1980; Mezzadri, "How to generate random
matrices from the classical compact groups", Notices of the AMS 54, 2007). A wide or square matrix is Qᵀ.

A thin matrix has at least twice as many rows as columns, or the reverse. Its reflections are combined once
(`compact_wy.py`), and an element then costs 2·k operations. In any other matrix, each row goes through the
reflections one by one (`reflections.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tensorseed.concurrency.single_flight import SingleFlightCache
from tensorseed.sampling import compact_wy
from tensorseed.sampling.compact_wy import CompactWY
from tensorseed.sampling.distributions.base import (
    Elements,
    Elementwise,
    Indices,
    Magnitudes,
    Numbers,
    Sampler,
    Shape,
    Storage,
    check_bound,
)
from tensorseed.sampling.distributions.draws import EXPECTED_DEVIATIONS
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.low_precision import encode
from tensorseed.sampling.machine_code.entry_points import finish
from tensorseed.sampling.philox import Key, Stream
from tensorseed.sampling.reflections import orthogonal_rows

Sides = tuple[int, int]  # (rows, columns)

THIN = 2  # times as many rows as columns, or the reverse
MAX_THIN_WIDTH = 1 << 12  # of the shorter side: its prepared reflections take 64 MiB
MAX_CACHE_BYTES = 1 << 27  # of prepared reflections, and of small matrices
CACHED_BYTES = 1_024  # of a cached matrix beside its numbers
MAX_CACHED_ELEMENTS = 1 << 22  # elements of a matrix that is cached as a whole: 32 MiB
AT_ONCE = 1 << 20  # elements of all rows that are reflected at a time: 8 MiB
SUMS = 1 << 18  # elements of a thin matrix that are computed at a time: 2 MiB
ROWS = (128, 1_024)  # of Q, at least and at most, that are computed at a time
PIECE = 1 << 19  # listed elements that are sorted at a time

# Nanoseconds on one core
DRAWN = 5.0  # a normal of a reflection, drawn and scaled
REFLECTED = 0.3  # an element of a row, by one element of a reflection
SUMMED = 0.06  # a term of an element of a thin matrix, or of its preparation
THIN_DRAWN = 5.0  # a normal of a thin matrix's row
ROUNDED = 10.0  # an element, found and rounded
CALLED = 40_000.0  # a tensor beside all that

CACHE: SingleFlightCache[CompactWY | Numbers] = SingleFlightCache(
    MAX_CACHE_BYTES, lambda matrix: matrix.nbytes + CACHED_BYTES
)


@dataclass(frozen=True)
class Orthogonal(Elementwise):
    """`gain` times a Haar-distributed matrix (rows, columns) whose shorter side is orthonormal."""

    rows: int
    columns: int
    gain: float

    @property
    def _sides(self) -> Sides:
        return self.rows, self.columns

    def check_values(self, dtype: DType) -> None:
        """No element exceeds the gain, which must be finite."""
        check_bound(self.gain, dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """0 and gain²/max(rows, columns)."""
        return 0.0, self.gain * self.gain / max(self._sides)

    def magnitudes(self, shape: Shape) -> Magnitudes:
        """Bounded by the gain, where that is nearer than six deviations."""
        std = self.gain / math.sqrt(max(self._sides))
        return Magnitudes(std, min(EXPECTED_DEVIATIONS * std, self.gain))

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Whether the gain is zero."""
        return self.gain == 0.0

    def preparations(self, stream: Stream, elements: Elements) -> Iterator[OrthogonalPreparation]:
        """The combination of a thin matrix's reflections."""
        if is_thin(self._sides):
            yield OrthogonalPreparation(stream.key(), self._sides)

    @property
    def preparation_seconds(self) -> float:
        """That of the combination."""
        return preparation_cost(self._sides) * SUMMED * 1e-9 if is_thin(self._sides) else 0.0

    def nanoseconds(self, dtype: DType) -> float:
        """Those of rounding: the rest depends on the rows."""
        return ROUNDED

    def seconds(self, dtype: DType, elements: Elements) -> float:
        """Those of all rows with one of the elements, in a wide matrix with the reflections up to theirs."""
        m, k, tall = max(self._sides), min(self._sides), self.rows > self.columns
        rows = min(self.rows, elements.runs + elements.count // self.columns)
        if is_thin(self._sides):
            drawn = rows if tall else min(m, elements.count)
            work = k * (drawn * THIN_DRAWN + elements.count * SUMMED)
        else:
            used = k if tall else min(k, elements.first // self.columns + rows)
            work = used * (m - used // 2) * (DRAWN + REFLECTED * rows)
        return super().seconds(dtype, elements) + (CALLED + work) * 1e-9

    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Compute and round a range, some rows at a time where a row costs the most."""
        if is_thin(self._sides):
            super().fill(sampler, dtype, stream, first, out)
            return
        key, stop = stream.key(), first + out.size
        at_once = max(1, AT_ONCE // max(self._sides))
        for top in range(first // self.columns, -(-stop // self.columns), at_once):
            rows = np.arange(top, min(top + at_once, -(-stop // self.columns)), dtype=np.int64)
            begin = max(first - top * self.columns, 0)
            block = orthogonal_rows(key, self._sides, rows).reshape(-1)[begin : stop - top * self.columns]
            done = top * self.columns + begin - first
            out[done : done + block.size] = encode(block * self.gain, dtype)

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The elements at `indices`."""
        return orthogonal_elements(stream.key(), self._sides, indices) * self.gain


@dataclass(frozen=True)
class OrthogonalPreparation:
    """The combined reflections of the thin matrix of a shape that a key stands for."""

    key: Key
    shape: Sides

    @property
    def is_done(self) -> bool:
        """Whether they are in the cache."""
        return (self.key, max(self.shape), min(self.shape)) in CACHE

    @property
    def seconds(self) -> float:
        """Estimated time on one core."""
        return preparation_cost(self.shape) * SUMMED * 1e-9

    def run(self) -> None:
        """Compute and cache them, which may take a minute.

        Raises:
            ComputationCancelledError: no request waits for them any more.
        """
        _form(self.key, max(self.shape), min(self.shape))


def is_thin(shape: Sides) -> bool:
    """Whether the matrix is computed from the compact WY form of its reflections."""
    return max(shape) >= THIN * min(shape) and min(shape) <= MAX_THIN_WIDTH


def preparation_cost(shape: Sides) -> int:
    """The multiplications that precede a thin matrix's first element, a draw counted as 256."""
    width = compact_wy.padded(min(shape))
    return max(shape) * width * max(width, 256)


def orthogonal_elements(key: Key, shape: Sides, indices: Indices) -> Numbers:
    """The elements at `indices` of the row-major orthogonal matrix of `shape` that `key` stands for."""
    if not indices.size:
        return np.empty(0)
    return _thin(key, shape, indices) if is_thin(shape) else _direct(key, shape, indices)


def _form(key: Key, m: int, k: int) -> CompactWY:
    form = CACHE.get((key, m, k), lambda: compact_wy.prepare(key, m, k))
    assert isinstance(form, CompactWY)
    return form


def _direct(key: Key, shape: Sides, indices: Indices) -> Numbers:
    """Row by row; a small matrix is computed once where few elements of many rows are wanted."""
    rows, row_of = np.unique(indices // shape[1], return_inverse=True)
    size = shape[0] * shape[1]
    if size <= MAX_CACHED_ELEMENTS and 2 * rows.size > shape[0] and 2 * indices.size < size:
        whole = CACHE.get((key, shape), lambda: _whole(key, shape))
        assert isinstance(whole, np.ndarray)
        return whole[indices]
    values = np.empty(indices.size)
    count = max(1, AT_ONCE // max(shape))
    for i in range(0, rows.size, count):
        chosen = (row_of >= i) & (row_of < i + count)
        block = orthogonal_rows(key, shape, rows[i : i + count])
        values[chosen] = block[row_of[chosen] - i, indices[chosen] % shape[1]]
    return values


def _whole(key: Key, shape: Sides) -> Numbers:
    """All elements, and beside them no more than the rows that are reflected at a time."""
    values = np.empty(shape)
    count = max(1, AT_ONCE // max(shape))
    for first in range(0, shape[0], count):
        rows = np.arange(first, min(first + count, shape[0]), dtype=np.int64)
        values[first : first + count] = orthogonal_rows(key, shape, rows)
    return values.reshape(-1)


def _thin(key: Key, shape: Sides, indices: Indices) -> Numbers:
    """Consecutive elements, in the order of the rows or of the columns, as boxes of Q; others in pieces."""
    m, k = max(shape), min(shape)
    form = _form(key, m, k)
    tall = shape[0] > shape[1]
    if _consecutive(indices):
        return (_by_rows if tall else _by_columns)(form, m, k, int(indices[0]), indices.size)
    rows, columns = np.divmod(indices, shape[1])
    other = columns * shape[0] + rows
    if _consecutive(other):
        return (_by_columns if tall else _by_rows)(form, m, k, int(other[0]), indices.size)
    i, c = (rows, columns) if tall else (columns, rows)
    parts = [_gathered(form, i[n : n + PIECE], c[n : n + PIECE]) for n in range(0, i.size, PIECE)]
    return np.concatenate(parts)


def _consecutive(indices: Indices) -> bool:
    return bool(indices[-1] - indices[0] == indices.size - 1 and (np.diff(indices) == 1).all())


def _by_rows(form: CompactWY, _m: int, k: int, first: int, count: int) -> Numbers:
    """`count` elements of Q (m, k) from `first` on, row by row."""
    (top, start), bottom = divmod(first, k), (first + count - 1) // k
    start, stop = (start, start + count) if top == bottom else (0, k)
    values = np.empty((bottom + 1 - top) * (stop - start))
    for rows in _batches(top, bottom + 1, stop - start):
        sums = form.products(rows, start, stop)
        ahead = (int(rows[0]) - top) * (stop - start)
        finish(values[ahead:], sums, rows, start, stop, form.signs, 1, stop - start)
    skipped = first - top * k - start
    return values[skipped : skipped + count]


def _by_columns(form: CompactWY, m: int, _k: int, first: int, count: int) -> Numbers:
    """`count` elements of Q (m, k) from `first` on, column by column.

    The first and the last column may be cut, so the rows from one cut to the next have the same columns.
    """
    (left, above), (right, below) = divmod(first, m), divmod(first + count - 1, m)
    values = np.empty(count)
    for top, bottom in pairwise(sorted({0, above, below + 1, m})):
        start, stop = left + (top < above), right + (top <= below)
        for rows in _batches(top, bottom, stop - start) if start < stop else ():
            sums = form.products(rows, start, stop)
            ahead = start * m + int(rows[0]) - first
            finish(values[ahead:], sums, rows, start, stop, form.signs, m, 1)
    return values


def _gathered(form: CompactWY, i: Indices, c: Indices) -> Numbers:
    """The listed elements of Q, those of the same rows together."""
    order = np.argsort(i, kind="stable")
    chosen, starts = np.unique(i[order], return_index=True)
    starts = np.append(starts, i.size)
    values = np.empty(i.size)
    count = _rows_at_once(int(c.max() - c.min()) + 1)
    for n in range(0, chosen.size, count):
        rows = chosen[n : n + count]
        own = order[starts[n] : starts[n + rows.size]]
        start, stop = int(c[own].min()), int(c[own].max()) + 1
        block = np.empty((stop - start, rows.size))
        sums = form.products(rows, start, stop)
        finish(block.reshape(-1), sums, rows, start, stop, form.signs, rows.size, 1)
        values[own] = block[c[own] - start, np.searchsorted(rows, i[own])]
    return values


def _batches(start: int, stop: int, columns: int) -> Iterator[Indices]:
    """The rows of Q from `start` to `stop`, some at a time."""
    count = _rows_at_once(columns)
    for first in range(start, stop, count):
        yield np.arange(first, min(first + count, stop), dtype=np.int64)


def _rows_at_once(columns: int) -> int:
    return min(max(SUMS // columns, ROWS[0]), ROWS[1])
