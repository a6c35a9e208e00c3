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

import numpy as np
import numpy.typing as npt

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.sampling.machine_code.entry_points import (
    add_gram,
    add_products,
    complete_column,
    draw_reflectors,
    normal_f64,
    solve_columns,
)
from tensorseed.sampling.philox import Key

Matrix = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

PANEL = 1 << 17  # elements of the Gaussian matrix drawn at a time, at least: 1 MiB
MIN_ROWS = 128  # in a panel, so that the sums are read and written less often than the panel
TILE = 256  # sums computed side by side, to stay in the processor's first cache
BLOCK = 16  # columns of W solved side by side
DEPTH = 128  # reflectors drawn at a time while a block of rows is evaluated
STANDARD = (np.float64(0.0), np.float64(1.0))


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
