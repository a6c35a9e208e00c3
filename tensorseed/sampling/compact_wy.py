"""Compact WY form of a product of Householder reflections, row by row.

With V = (v₀ … vₖ₋₁) the reflectors as columns (m, k), v_p[i] = 0 for i < p, and t_p = 2/‖v_p‖²,

    H₀ H₁ … Hₖ₋₁ = I − V T Vᵀ,    T⁻¹ = diag(1/t) + the strictly upper triangle of VᵀV,

and so, with W = T·Vᵀ[:, :k], which is upper triangular, element (i, c) of the first k columns is

    δᵢ꜀ − Σₚ v_p[i]·W[p, c],    p from 0 to min(i, c).

(Puglisi, "Modification of the Householder method based on the compact WY representation", SIAM J. Sci.
Stat. Comput. 13, 1992; Joffrain, Low, Quintana-Ortí, van de Geijn, Van Zee, "Accumulating Householder
transformations, revisited", ACM TOMS 32, 2006.) W costs m·k² operations, once. A row then costs k² of them
and k normals, a single element of it 2·k and the same normals.

Row i of the Gaussian matrix, and so v_p[i] for all p < i, begins at normal number i·K, K = k rounded up to
a multiple of 4. W is packed by its columns: those of group b, 4b … 4b + 3, have 4b + 4 numbers each, zeros
below the diagonal included. All numbers are float64. Every sum has the order of `docs/stream-v1.md`, whatever
the blocks of the loops, which are vectorised across sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.sampling.kernels import normal_f64, words_at
from tensorseed.sampling.philox import Key
from tensorseed.sampling.transforms64 import normal64

Matrix = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

PANEL = 1 << 17  # elements of the Gaussian matrix drawn at a time, at least: 1 MiB
MIN_ROWS = 128  # in a panel, so that the sums are read and written less often than the panel
TILE = 256  # sums computed side by side, to stay in the processor's first cache
BLOCK = 16  # columns of W solved side by side
DEPTH = 128  # reflectors drawn at a time while a block of rows is evaluated
STANDARD = (np.float64(0.0), np.float64(1.0))

kernel = njit(nogil=True, error_model="numpy")


@dataclass(frozen=True, slots=True)
class CompactWY:
    """W, packed, with the pivots v_p[p], which the Gaussian matrix lacks, and the signs s_p, D = −s."""

    key: Key
    width: int  # K
    packed: Matrix
    pivots: Matrix  # (K,)
    signs: Matrix  # (K,)

    @property
    def nbytes(self) -> int:
        """Its memory in bytes: about 4·k²."""
        return self.packed.nbytes + self.pivots.nbytes + self.signs.nbytes

    def products(self, rows: Rows, start: int, stop: int) -> Matrix:
        """Σₚ v_p[i]·W[p, c] for ascending `rows` i and the columns c of the groups that hold `start` … `stop`
        (exclusive): (columns from `start` rounded down to a multiple of 4 on, rows.size).
        """
        group, end = start // 4, (stop + 3) // 4
        sums = np.zeros((4 * (end - group), rows.size))
        panel = np.empty((min(DEPTH, 4 * end), rows.size))
        words = self.key.words()
        blocks = rows * (self.width // 2)
        for first in range(0, min(4 * end, int(rows[-1]) + 1), DEPTH):
            check_cancelled()
            depth = min(DEPTH, 4 * end - first)
            draw_reflectors(panel, rows, blocks, first, depth, words, self.pivots)
            add_products(sums, panel, self.packed, group, first, depth)
        return sums


def padded(k: int) -> int:
    """K, which is k rounded up to a multiple of 4."""
    return (k + 3) // 4 * 4


def packed_size(width: int) -> int:
    """The numbers in the packed columns of a matrix of `width` columns."""
    return width * (width + 4) // 2


def prepare(key: Key, m: int, k: int) -> CompactWY:
    """The compact WY form of the k reflections of length m under `key`, in m·k² operations.

    Raises:
        ComputationCancelledError: no request waits for it any more.
    """
    width = padded(k)
    words = key.words()
    form = CompactWY(key, width, np.zeros(packed_size(width)), np.zeros(width), np.ones(width))
    rows = min(max(MIN_ROWS, PANEL // width // 4 * 4), padded(m))
    panel = np.empty((rows, width))
    for first in range(0, m, rows):
        count = min(rows, m - first)
        normal_f64(panel[:count].reshape(-1), first * (width // 2), words, STANDARD)
        panel[count:] = 0.0
        columns = min(width, padded(first + count))
        for start in range(0, columns, TILE):
            check_cancelled()
            add_gram(form.packed, panel, first, columns, start)
    scales, row = np.zeros(width), np.empty(width)
    for c in range(k):
        check_cancelled()
        normal_f64(row, c * (width // 2), words, STANDARD)
        complete_column(form.packed, row, c, form.pivots, form.signs, scales)
    block = np.empty((BLOCK, width))
    for first in reversed(range(0, k, BLOCK)):
        check_cancelled()
        count = min(BLOCK, width - first)
        normal_f64(block[:count].reshape(-1), first * (width // 2), words, STANDARD)
        solve_columns(form.packed, block, first, count, k, form.pivots, scales)
    return form


@kernel
def column(packed: Any, c: int) -> Any:
    """The numbers of column c, down to the last row of its group."""
    group = c // 4
    height = 4 * group + 4
    begin = 8 * group * (group + 1) + (c - 4 * group) * height
    return packed[begin : begin + height]


@kernel
def add_terms(a: Any, b: Any, x0: Any, x1: Any, x2: Any, x3: Any, s: Any, t: Any) -> None:
    """a += s₀·x₀ + s₁·x₁ + s₂·x₂ + s₃·x₃ and b the same with t, one term after the other."""
    s0, s1, s2, s3 = s
    t0, t1, t2, t3 = t
    for q in range(a.size):
        a[q] = (((a[q] + s0 * x0[q]) + s1 * x1[q]) + s2 * x2[q]) + s3 * x3[q]
        b[q] = (((b[q] + t0 * x0[q]) + t1 * x1[q]) + t2 * x2[q]) + t3 * x3[q]


@kernel
def add_gram(packed: Any, panel: Any, first: int, columns: int, start: int) -> None:
    """packed[q, p] += Σᵢ g_q[i]·g_p[i], i > p ascending, over a panel of rows from row `first` on, for `TILE`
    numbers q from `start` on.
    """
    for i in range(max(min(columns - first, panel.shape[0]), 0)):
        panel[i, first + i : columns] = 0.0
    for group in range(start // 4, columns // 4):
        stop = min(start + TILE, 4 * group + 4)
        for c in range(4 * group, 4 * group + 4, 2):
            a, b = column(packed, c)[start:stop], column(packed, c + 1)[start:stop]
            for i in range(0, panel.shape[0], 4):
                s = (panel[i, c], panel[i + 1, c], panel[i + 2, c], panel[i + 3, c])
                t = (panel[i, c + 1], panel[i + 1, c + 1], panel[i + 2, c + 1], panel[i + 3, c + 1])
                x0, x1 = panel[i, start:stop], panel[i + 1, start:stop]
                x2, x3 = panel[i + 2, start:stop], panel[i + 3, start:stop]
                add_terms(a, b, x0, x1, x2, x3, s, t)


@kernel
def complete_column(packed: Any, row: Any, c: int, pivots: Any, signs: Any, scales: Any) -> None:
    """From sums over i > c of column c, and row c of the Gaussian matrix, to those of the reflectors over
    i ≥ c, the pivot v_c[c] = g + s·ν, and t_c = 1/(ν·(ν + |g|)).
    """
    sums = column(packed, c)
    norm = np.sqrt(sums[c] + row[c] * row[c])
    sign = 1.0 if row[c] >= 0.0 else -1.0
    pivot = row[c] + sign * norm
    pivots[c], signs[c] = pivot, sign
    scales[c] = 1.0 / (norm * (norm + abs(row[c]))) if norm > 0.0 else 0.0
    for q in range(c):
        sums[q] += row[q] * pivot


@kernel
def solve_columns(packed: Any, block: Any, first: int, count: int, k: int, pivots: Any, scales: Any) -> None:
    """The columns `first` … of W in the place of those of the sums, from the rows of the Gaussian matrix with
    the same numbers: W[q] = t_q·(v_q[c] − Σₚ G[q, p]·W[p]), p from c down to q + 1.
    """
    for r in range(count):
        c = first + r
        block[r, c:] = 0.0
        if c < k:
            block[r, c] = pivots[c]
        else:
            block[r, :c] = 0.0
    for group in range((first + count) // 4 - 1, -1, -1):
        p = 4 * group
        x0, x1, x2 = column(packed, p), column(packed, p + 1), column(packed, p + 2)
        x3 = column(packed, p + 3)
        for r in range(count):
            w = block[r]
            for high in range(p + 3, p - 1, -1):
                w[high] *= scales[high]
                for q in range(p, high):
                    w[q] -= column(packed, high)[q] * w[high]
        for r in range(0, count, 2):
            a, b = block[r], block[r + 1]
            s, t = (-a[p + 3], -a[p + 2], -a[p + 1], -a[p]), (-b[p + 3], -b[p + 2], -b[p + 1], -b[p])
            add_terms(a[:p], b[:p], x3, x2, x1, x0, s, t)
    for r in range(count):
        solved = column(packed, first + r)
        solved[:] = block[r, : solved.size]


@kernel
def draw_reflectors(
    panel: Any, rows: Any, blocks: Any, first: int, depth: int, key: Any, pivots: Any
) -> None:
    """panel[p − first, j] = v_p[rows[j]] for p from `first` on, `depth` of them; row j begins with block
    blocks[j] of the stream.
    """
    mean, std = np.float64(0.0), np.float64(1.0)
    for p in range(0, depth, 2):
        even, odd = panel[p], panel[p + 1]
        for j in range(rows.size):
            w0, w1, w2, w3 = words_at(blocks[j] + (first + p) // 2, 0, key)
            even[j], odd[j] = normal64(w0, w1, w2, w3, mean, std)
    for j in range(rows.size):
        i = rows[j]
        if i >= first + depth:
            break
        if i >= first:
            panel[i - first, j] = pivots[i]
        for p in range(max(i + 1 - first, 0), depth):
            panel[p, j] = 0.0


@kernel
def add_products(sums: Any, panel: Any, packed: Any, group: int, first: int, depth: int) -> None:
    """sums[c, j] += Σₚ v_p[i]·W[p, c] over the panel's p, ascending, for c from group `group` on."""
    size = sums.shape[1]
    for start in range(0, size, TILE):
        stop = min(start + TILE, size)
        for c in range(0, sums.shape[0], 2):
            u, v = column(packed, 4 * group + c), column(packed, 4 * group + c + 1)
            for p in range(0, min(depth, u.size - first), 4):
                q = first + p
                s, t = (u[q], u[q + 1], u[q + 2], u[q + 3]), (v[q], v[q + 1], v[q + 2], v[q + 3])
                x0, x1 = panel[p, start:stop], panel[p + 1, start:stop]
                x2, x3 = panel[p + 2, start:stop], panel[p + 3, start:stop]
                add_terms(sums[c, start:stop], sums[c + 1, start:stop], x0, x1, x2, x3, s, t)


@kernel
def finish(
    values: Any, sums: Any, rows: Any, start: int, stop: int, signs: Any, per_column: int, per_row: int
) -> None:
    """values[(c − start)·per_column + j·per_row] = (sums[c, j] − δᵢ꜀)·s_c, i = rows[j], c from `start` on."""
    for j in range(rows.size):
        for c in range(start, stop):
            unit = 1.0 if rows[j] == c else 0.0
            values[(c - start) * per_column + j * per_row] = (sums[c - start // 4 * 4, j] - unit) * signs[c]


KERNELS = [column, add_terms, add_gram, complete_column, solve_columns, draw_reflectors, add_products, finish]
