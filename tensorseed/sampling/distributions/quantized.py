"""Quantised weights: stored numbers, functions of blocks of weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.concurrency.single_flight import SingleFlightCache
from tensorseed.sampling.distributions.base import (
    Distribution,
    Draw,
    Elements,
    Elementwise,
    Indices,
    Magnitudes,
    Numbers,
    Preparation,
    Sampler,
    Shape,
    Storage,
    Structured,
)
from tensorseed.sampling.distributions.encoders import Encoder, Floats, widened
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.philox import Stream

TILE = 1 << 18  # weights that are drawn and encoded at a time
RUN = 1 << 10  # weights that are drawn at a time where they are stored transposed
ENCODING_NANOSECONDS = 1.0  # of a weight
CALL_SECONDS = 5e-5  # of a tile beside its weights

CACHE: SingleFlightCache[Storage] = SingleFlightCache(1 << 25, lambda tile: tile.nbytes)
"""Tiles that the ends of ranges have cut: the range behind them, which often follows, needs them again."""


class Tile(NamedTuple):
    """Stored numbers of one matrix: the rows [top, bottom) and the columns [left, right)."""

    matrix: int
    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class Quantized(Structured):
    """What an encoder stores of `matrices` matrices of weights, one after the other.

    `weights` are drawn in `drawn`, row-major, of shape (matrices, rows, columns).
    """

    weights: Distribution
    drawn: DType
    matrices: int
    rows: int
    columns: int
    encoder: Encoder

    is_cheap = False

    @property
    def _seen(self) -> tuple[int, int]:
        """Rows and columns of weights of a matrix, as their numbers are stored."""
        return (self.columns, self.rows) if self.encoder.is_transposed else (self.rows, self.columns)

    @property
    def _stored(self) -> tuple[int, int]:
        """Rows and columns of stored numbers of a matrix."""
        (rows, columns), (height, width) = self._seen, self.encoder.unit
        return -(-rows // height), -(-columns // width)

    @property
    def _block(self) -> int:
        """The weights that decide a stored number."""
        return math.prod(self.encoder.unit) * math.prod(self.encoder.block)

    def check(self, dtype: DType) -> None:
        """Check that no weight is infinite, by a wide margin.

        Raises:
            ValueError: one may be.
        """
        self.weights.check(self.drawn)
        found = self.weights.magnitudes((self.matrices, self.rows, self.columns))
        if found is not None and found.bound > self.drawn.max / 4:
            raise ValueError(
                f"the values overflow {self.drawn.name}, which is quantised: choose a smaller scale"
            )

    def check_values(self, dtype: DType) -> None:
        """As `check`."""
        self.check(dtype)

    def moments(self, shape: Shape) -> None:
        """None: the numbers mean nothing without their scales."""
        return

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the weights."""
        return self.weights.mean_and_variance(shape)

    def magnitudes(self, shape: Shape) -> Magnitudes | None:
        """None: the numbers mean nothing without their scales."""
        return None

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Unknown."""
        return False

    def preparations(self, stream: Stream, elements: Elements) -> Iterator[Preparation]:
        """Those of the weights."""
        whole = Elements(0, self.matrices * self.rows * self.columns)
        return self.weights.preparations(stream, whole)

    @property
    def preparation_seconds(self) -> float:
        """That of the weights."""
        return self.weights.preparation_seconds

    def nanoseconds(self, dtype: DType) -> float:
        """Those of the weights of a number."""
        each = self.weights.nanoseconds(self.drawn) + ENCODING_NANOSECONDS
        return each * math.prod(self.encoder.unit)

    def seconds(self, dtype: DType, elements: Elements) -> float:
        """Those of the numbers, and of blocks that each run splits."""
        per_weight = (self.weights.nanoseconds(self.drawn) + ENCODING_NANOSECONDS) * 1e-9
        split = elements.runs * (self._block * per_weight + CALL_SECONDS)
        return elements.count * self.nanoseconds(dtype) * 1e-9 + split

    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """Encode tiles, and cut the range out of them."""
        width = self._stored[1]
        size = math.prod(self._stored)
        stop = first + out.size
        for tile in self._tiles(first, stop):
            check_cancelled()
            at = tile.matrix * size + tile.top * width - first
            end = at + (tile.bottom - tile.top) * width
            if at >= 0 and end <= out.size:
                rows = out[at:end].reshape(-1, width)
                rows[:, tile.left : tile.right] = self._encoded(sampler, stream, tile)
                continue
            for row, numbers in enumerate(self._cut(sampler, stream, tile)):
                _copy(numbers, at + row * width + tile.left, out)

    def gather(self, sampler: Sampler, dtype: DType, stream: Stream, indices: Indices, out: Storage) -> None:
        """Encode the blocks that the selection touches."""
        (rows, columns), (height, width) = self._stored, self.encoder.block
        matrices, within = np.divmod(indices, rows * columns)
        row, column = np.divmod(within, columns)
        across = -(-columns // width)
        blocks = (matrices * -(-rows // height) + row // height) * across + column // width
        order = np.argsort(blocks, kind="stable")
        _, starts = np.unique(blocks[order], return_index=True)
        for chosen in np.split(order, starts[1:]):
            check_cancelled()
            one = chosen[0]
            top, left = int(row[one]) // height * height, int(column[one]) // width * width
            tile = Tile(int(matrices[one]), top, min(top + height, rows), left, min(left + width, columns))
            found = self._encoded(sampler, stream, tile)
            out[chosen] = found[row[chosen] - top, column[chosen] - left]

    def _tiles(self, first: int, stop: int) -> Iterator[Tile]:
        """Tiles of whole blocks that cover the numbers [first, stop)."""
        rows, columns = self._stored
        height, width = self.encoder.block
        for matrix in range(first // (rows * columns), -(-stop // (rows * columns))):
            start = matrix * rows * columns
            low, high = max(first - start, 0), min(stop - start, rows * columns)
            top, bottom = low // columns, (high - 1) // columns + 1
            left, right = 0, columns
            if bottom - top == 1:
                left, right = low % columns // width * width, (high - 1) % columns + 1
                right = min(-(-right // width) * width, columns)
            top, bottom = top // height * height, min(-(-bottom // height) * height, rows)
            cuts = {top, bottom}  # blocks that the range cuts are tiles of their own, for the next range
            cuts |= {min(top + height, bottom)} if low > top * columns else set()
            cuts |= {(bottom - 1) // height * height} if high < bottom * columns else set()
            for upper, lower in pairwise(sorted(cuts)):
                tall, wide = self._tile_size(lower - upper, right - left)
                for begin, end in product(range(upper, lower, tall), range(left, right, wide)):
                    yield Tile(matrix, begin, min(begin + tall, lower), end, min(end + wide, right))

    def _tile_size(self, rows: int, columns: int) -> tuple[int, int]:
        """Rows and columns of the tiles of so many stored numbers, in whole blocks.

        Weights are drawn fastest in long runs, which are columns of what is stored transposed.
        """
        (height, width), (down, across) = self.encoder.block, self.encoder.unit
        room = TILE // (down * across)
        if self.encoder.is_transposed:
            tall = min(rows, max(RUN // down // height, 1) * height)
            return tall, max(room // (tall * width), 1) * width
        tall = max(room // (columns * height), 1) * height
        return tall, max(room // (tall * width), 1) * width

    def _cut(self, sampler: Sampler, stream: Stream, tile: Tile) -> Storage:
        """The stored numbers of a tile that the end of a range cuts, cached for the next range."""
        encode = partial(self._encoded, sampler, stream, tile)
        if not isinstance(self.weights, Draw):
            return encode()
        return CACHE.get((repr(self), stream, tile), encode)  # equal zeros of two signs differ in text

    def _encoded(self, sampler: Sampler, stream: Stream, tile: Tile) -> Storage:
        """The stored numbers of a tile."""
        (rows, columns), (height, width) = self._seen, self.encoder.unit
        top, bottom = tile.top * height, min(tile.bottom * height, rows)
        left, right = tile.left * width, min(tile.right * width, columns)
        if self.encoder.is_transposed:
            drawn = self._drawn(sampler, stream, tile.matrix, (left, right), (top, bottom))
            return np.ascontiguousarray(self.encoder.encode(drawn).T)
        return self.encoder.encode(self._drawn(sampler, stream, tile.matrix, (top, bottom), (left, right)))

    def _drawn(
        self, sampler: Sampler, stream: Stream, matrix: int, rows: tuple[int, int], columns: tuple[int, int]
    ) -> Floats:
        """Some rows and columns of a matrix of weights, as it is drawn."""
        run = columns[1] - columns[0]
        out = np.empty((rows[1] - rows[0], run), self.drawn.storage)
        start = (matrix * self.rows + rows[0]) * self.columns + columns[0]
        if run == self.columns:
            sampler.fill(self.weights, self.drawn, stream, start, out.reshape(-1))
        else:
            starts = start + self.columns * np.arange(rows[1] - rows[0], dtype=np.int64)
            sampler.fill_runs(self.weights, self.drawn, stream, starts, out)
        return widened(out, self.drawn)


@dataclass(frozen=True)
class GroupIndex(Elementwise):
    """The number of the group of each row, of `size` rows a group."""

    size: int

    def check_values(self, dtype: DType) -> None:
        """Any dtype holds it that is wide enough, as int32 is."""

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """Those of the numbers from 0 to the last group's."""
        groups = max(shape[0] // self.size, 1)
        return (groups - 1) / 2, (groups * groups - 1) / 12

    def magnitudes(self, shape: Shape) -> None:
        """None: nothing is random."""
        return

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Whether there is one group."""
        return shape[0] <= self.size

    def nanoseconds(self, dtype: DType) -> float:
        """Those of a division."""
        return 3.0

    def elements(self, stream: Stream, indices: Indices) -> Numbers:
        """The quotients."""
        return (indices // self.size).astype(np.float64)


def _copy(numbers: Storage, at: int, out: Storage) -> None:
    """Copy numbers to the place `at` of `out`, where they are inside it."""
    begin, end = max(at, 0), min(at + numbers.size, out.size)
    if begin < end:
        out[begin:end] = numbers[begin - at : end - at]
