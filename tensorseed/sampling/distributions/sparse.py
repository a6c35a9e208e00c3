"""Sparse normal matrices: the same number of zeros in every column.

A column's rows are permuted by the swap-or-not shuffle (Hoang, Morris, Rogaway, "An enciphering scheme based
on a card shuffle", CRYPTO 2012). It permutes 0 … n − 1 for any n without rejection. In each round x and its
partner K − x (mod n) are swapped if a bit of a hash of the larger one is set. A rotation before the first
round makes the chances of all rows exactly equal. The rows that the permutation maps below `zeros` are zero,
so every column has exactly that many, and one element is decided without the others.

Column c takes its numbers from block c of the stream with the purpose "permutation". The rotation is
⌊w2·n/2³²⌋. Round i has K = ⌊mix(w0 + i·G)·n/2³²⌋ and the hash's key mix(w1 + i·G), G = 0x9e3779b9. `mix` is
the 32-bit finaliser "lowbias32" of C. Wellons (Prospecting for Hash Functions, 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions.base import (
    Indices,
    Magnitudes,
    Sampler,
    Shape,
    Storage,
    Structured,
)
from tensorseed.sampling.distributions.draws import Normal
from tensorseed.sampling.distributions.identity import Axis, place
from tensorseed.sampling.dtypes import DType
from tensorseed.sampling.machine_code.entry_points import kept_elements, kept_rectangle
from tensorseed.sampling.philox import Key, Stream

PURPOSE = "permutation"
MAX_ROWS = 1 << 31
LISTED = 200.0  # nanoseconds of an element whose column is tabulated for it alone
PIECE = 1 << 16  # elements whose places are listed at a time

Mask = npt.NDArray[np.uint8]  # 0 where an element is zero, else 1


@dataclass(frozen=True)
class Sparse(Structured):
    """N(0, std²) of shape (rows, columns) with `zeros` zeros in every column, at random rows.

    Where the tensor has other axes, `axes` are those of a row and those of a column, the outermost first.
    """

    rows: int
    columns: int
    zeros: int
    std: float
    axes: tuple[tuple[Axis, ...], tuple[Axis, ...]] | None = None

    is_cheap = False

    @property
    def _normal(self) -> Normal:
        return Normal(0.0, self.std)

    def check_values(self, dtype: DType) -> None:
        """As the normal distribution."""
        self._normal.check_values(dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """0 and std²·(1 − zeros/rows)."""
        return 0.0, self.std * self.std * (1.0 - self.zeros / self.rows)

    def magnitudes(self, shape: Shape) -> Magnitudes:
        """Those of the normal distribution."""
        return self._normal.magnitudes(shape)

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Whether every element is zero."""
        return self.std == 0.0 or self.zeros == self.rows

    def nanoseconds(self, dtype: DType) -> float:
        """Those of a draw, and of the rounds of the permutation, which elements of a column can share."""
        return (4.0 if self.axes is None else LISTED) + self._normal.nanoseconds(dtype)

    def fill(self, sampler: Sampler, dtype: DType, stream: Stream, first: int, out: Storage) -> None:
        """The normal range, then the zeros."""
        sampler.fill(self._normal, dtype, stream, first, out)
        if self.axes is None:
            _zero(out, kept_range(self, stream.key(PURPOSE), first, out.size))
            return
        for start in range(0, out.size, PIECE):
            part = out[start : start + PIECE]
            indices = np.arange(first + start, first + start + part.size, dtype=np.int64)
            self._zero_listed(indices, stream, part)

    def gather(self, sampler: Sampler, dtype: DType, stream: Stream, indices: Indices, out: Storage) -> None:
        """The normal selection, then the zeros."""
        sampler.gather(self._normal, dtype, stream, indices, out)
        self._zero_listed(indices, stream, out)

    def _zero_listed(self, indices: Indices, stream: Stream, out: Storage) -> None:
        """Set those of the elements at `indices` to +0 that are."""
        if self.axes is not None:
            rows, columns = self.axes
            indices = place(rows, indices) * self.columns + place(columns, indices)
        keep = np.empty(out.size, np.uint8)
        kept_elements(keep, indices, self.columns, self.rows, self.zeros, stream.key(PURPOSE).words())
        _zero(out, keep)


def _zero(out: Storage, keep: Mask) -> None:
    """Set the elements outside the mask to +0."""
    bits = out.view(f"u{out.itemsize}")
    np.multiply(bits, keep, out=bits)


def kept_range(sparse: Sparse, key: Key, first: int, count: int) -> Mask:
    """The mask of `count` elements from `first` on: the rest of a row, whole rows, the start of a row."""
    keep = np.empty(count, np.uint8)
    done = 0
    while done < count:
        row, column = divmod(first + done, sparse.columns)
        height = (count - done) // sparse.columns if column == 0 else 0
        width = sparse.columns if height else min(sparse.columns - column, count - done)
        part = keep[done : done + max(height, 1) * width].reshape(-1, width)
        kept_rectangle(part, row, column, sparse.rows, sparse.zeros, key.words())
        done += part.size
    return keep
