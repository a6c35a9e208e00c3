"""Compiled kernels of orthogonal matrices: reflections, compact WY form.

`reflections.py` and `compact_wy.py` say what they compute. Every sum goes from its first term to its last,
and the loops are vectorised across sums. Nothing here may use fast-math.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tensorseed.sampling.block_vectors import store
from tensorseed.sampling.compact_wy import TILE
from tensorseed.sampling.kernels import normal_f64, words_at
from tensorseed.sampling.row_vectors import NBYTES, equal, load
from tensorseed.sampling.transforms64 import normal64

STANDARD = (np.float64(0.0), np.float64(1.0))

kernel = njit(nogil=True, error_model="numpy")


@kernel
def draw_gaussians(panel: Any, first: int, key: Any) -> None:
    """Gaussian rows `first` … of the matrix (k, m), each from its diagonal on."""
    m = panel.shape[1]
    drawn = np.empty(m + 2)
    for p in range(panel.shape[0]):
        start = (first + p) * (m + 1)  # element (j, j)
        length = m - first - p
        normal_f64(drawn[: (length + 3) // 2 * 2], start // 2, key, STANDARD)
        panel[p, first + p :] = drawn[start % 2 : start % 2 + length]


@kernel
def make_reflectors(panel: Any, scales: Any, signs: Any, first: int) -> None:
    """Turn Gaussian rows g into v = g + s·‖g‖·e₁ in place; scale 2/‖v‖² = 1/(‖g‖·(‖g‖ + |g₁|)); D = −s."""
    count, m = panel.shape
    squares, whole = np.zeros(count), count // 4 * 4
    for p in range(count):
        row = panel[p]
        for i in range(first + p, first + p // 4 * 4 + 4 if p < whole else m):
            squares[p] += row[i] * row[i]
    for p in range(0, whole, 4):  # a sum waits for each of its terms, so four rows go side by side
        row0, row1, row2, row3 = panel[p], panel[p + 1], panel[p + 2], panel[p + 3]
        s0, s1, s2, s3 = squares[p], squares[p + 1], squares[p + 2], squares[p + 3]
        for i in range(first + p + 4, m):
            s0 += row0[i] * row0[i]
            s1 += row1[i] * row1[i]
            s2 += row2[i] * row2[i]
            s3 += row3[i] * row3[i]
        squares[p], squares[p + 1], squares[p + 2], squares[p + 3] = s0, s1, s2, s3
    for p in range(count):
        row, j = panel[p], first + p
        norm = np.sqrt(squares[p])
        sign = 1.0 if row[j] >= 0.0 else -1.0
        signs[j] = -sign
        scales[p] = 1.0 / (norm * (norm + abs(row[j]))) if norm > 0.0 else 0.0
        row[j] += sign * norm


@kernel
def reflect(x: Any, panel: Any, scales: Any, first: int, ascending: bool) -> None:
    """Apply a panel's reflections to the columns of `x` (m, ROWS), in ascending or descending order.

    What a reflection subtracts and the next one's sums take one pass over `x`, which is larger than the
    first cache.
    """
    count, m = panel.shape
    address = np.uint64(x.ctypes.data)
    p = 0 if ascending else count - 1
    dots = with_dots(address, panel[p], first + p, m, equal(0.0))
    for _ in range(count - 1):
        after = p + 1 if ascending else p - 1
        v, w, start, ahead = panel[p], panel[after], first + p, first + after
        factors, dots = dots * scales[p], equal(0.0)
        if ascending:
            subtract_multiples(
                address, v, start, ahead, factors
            )  # of the one number that the next one leaves
        else:
            dots = with_dots(address, w, ahead, start, dots)  # of the one number that this one leaves
        dots = subtracted_with_dots(address, v, w, max(start, ahead), factors, dots)
        p = after
    subtract_multiples(address, panel[p], first + p, m, dots * scales[p])


@njit(forceinline=True)
def subtracted_with_dots(address: Any, v: Any, w: Any, start: Any, factors: Any, dots: Any) -> Any:
    """x[i] −= factors·v[i], and then the sums with w[i]·x[i] added, from `start` on, term by term."""
    address += np.uint64(start * NBYTES)
    v, w = v[start:], w[start:]
    for i in range(v.size):
        row = address + np.uint64(i * NBYTES)
        y = load(row) - factors * v[i]
        store(row, y)
        dots = dots + y * w[i]
    return dots


@njit(forceinline=True)
def with_dots(address: Any, v: Any, start: Any, stop: Any, dots: Any) -> Any:
    """The sums with v[i]·x[i] added, from `start` up to `stop`, term by term."""
    for i in range(start, stop):
        dots = dots + load(address + np.uint64(i * NBYTES)) * v[i]
    return dots


@njit(forceinline=True)
def subtract_multiples(address: Any, v: Any, start: Any, stop: Any, factors: Any) -> None:
    """x[i] −= factors·v[i], from `start` up to `stop`."""
    for i in range(start, stop):
        row = address + np.uint64(i * NBYTES)
        store(row, load(row) - factors * v[i])


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


KERNELS = [
    draw_gaussians,
    make_reflectors,
    reflect,
    column,
    add_terms,
    add_gram,
    complete_column,
    solve_columns,
    draw_reflectors,
    add_products,
    finish,
]
