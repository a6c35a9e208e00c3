"""Rows of orthogonal matrices, by Householder reflections of unit vectors.

Row i of a tall matrix Q is eᵢᵀ H₀ … Hₖ₋₁ D. Row r of a wide or square matrix Qᵀ is dᵣ·(H₀ … Hᵣ eᵣ)ᵀ. H and D
are those of `distributions/orthogonal.py`. A row costs about 4·m·k operations, without any other row or
preparation.

The Gaussian vectors are the rows of a row-major matrix (k, m) of normals: gⱼ[i] is number j·m + i. All
numbers are float64. Every sum goes from its first term to its last, and the loops are vectorised across rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.sampling.kernels import normal_f64
from tensorseed.sampling.philox import Key

Matrix = npt.NDArray[np.float64]

PANEL = 1 << 18  # elements of reflectors drawn at a time: 2 MiB
GROUP = 64  # rows reflected side by side
STANDARD = (np.float64(0.0), np.float64(1.0))

kernel = njit(nogil=True, error_model="numpy")


def orthogonal_rows(key: Key, shape: tuple[int, int], rows: npt.NDArray[np.int64]) -> Matrix:
    """The listed rows of the orthogonal matrix of `shape` that `key` stands for: (rows.size, shape[1]).

    Raises:
        ComputationCancelledError: no request waits for them any more.
    """
    m, k = max(shape), min(shape)
    tall = shape[0] > shape[1]
    groups = [np.zeros((m, min(GROUP, rows.size - i))) for i in range(0, rows.size, GROUP)]
    for i, x in enumerate(groups):
        own = rows[i * GROUP : i * GROUP + x.shape[1]]
        x[own, np.arange(x.shape[1])] = 1.0
    signs = np.empty(k)
    height = max(1, min(GROUP, PANEL // m))
    starts = range(0, k if tall else int(rows.max(initial=-1)) + 1, height)
    memory, scales, words = np.empty((height, m)), np.empty(height), key.words()
    for first in starts if tall else reversed(starts):
        check_cancelled()
        panel = memory[: k - first]
        draw_gaussians(panel, first, words)
        make_reflectors(panel, scales, signs, first)
        for x in groups:
            check_cancelled()
            reflect(x, panel, scales, first, tall)
    if tall:
        return np.concatenate([(x[:k] * signs[:, None]).T for x in groups])
    return np.concatenate([x.T for x in groups]) * signs[rows][:, None]


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
    """Apply a panel's reflections to the columns of `x` (m, rows), in ascending or descending order.

    What a reflection subtracts and the next one's sums take one pass over `x`, which is larger than the
    first cache.
    """
    count = panel.shape[0]
    dots, factors = np.zeros(x.shape[1]), np.empty(x.shape[1])
    p = 0 if ascending else count - 1
    add_dots(x, panel[p], first + p, dots)
    for _ in range(count - 1):
        after = p + 1 if ascending else p - 1
        v, w, start, ahead = panel[p], panel[after], first + p, first + after
        for r in range(dots.size):
            factors[r] = dots[r] * scales[p]
            dots[r] = 0.0
        if ascending:
            subtract_multiples(x, v[:ahead], start, factors)  # of the one number that the next one leaves
        else:
            add_dots(x, w[:start], ahead, dots)  # of the one number that this one leaves
        subtract_and_add(x, v, w, max(start, ahead), factors, dots)
        p = after
    for r in range(dots.size):
        factors[r] = dots[r] * scales[p]
    subtract_multiples(x, panel[p], first + p, factors)


@kernel
def subtract_and_add(x: Any, v: Any, w: Any, start: int, factors: Any, dots: Any) -> None:
    """x[i, r] −= factors[r]·v[i], and then dots[r] += w[i]·x[i, r], from `start` on, term by term."""
    i = start
    while i + 4 <= v.size:
        v0, v1, v2, v3 = v[i], v[i + 1], v[i + 2], v[i + 3]
        w0, w1, w2, w3 = w[i], w[i + 1], w[i + 2], w[i + 3]
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        for r in range(dots.size):
            factor = factors[r]
            y0, y1 = x0[r] - factor * v0, x1[r] - factor * v1
            y2, y3 = x2[r] - factor * v2, x3[r] - factor * v3
            x0[r], x1[r], x2[r], x3[r] = y0, y1, y2, y3
            dots[r] = (((dots[r] + w0 * y0) + w1 * y1) + w2 * y2) + w3 * y3
        i += 4
    while i < v.size:
        v0, w0, x0 = v[i], w[i], x[i]
        for r in range(dots.size):
            x0[r] -= factors[r] * v0
            dots[r] += w0 * x0[r]
        i += 1


@kernel
def add_dots(x: Any, v: Any, start: int, dots: Any) -> None:
    """dots[r] += Σᵢ v[i]·x[i, r] from `start` on, term by term; four in an iteration spare stores."""
    i = start
    while i + 4 <= v.size:
        v0, v1, v2, v3 = v[i], v[i + 1], v[i + 2], v[i + 3]
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        for r in range(dots.size):
            dots[r] = (((dots[r] + v0 * x0[r]) + v1 * x1[r]) + v2 * x2[r]) + v3 * x3[r]
        i += 4
    while i < v.size:
        v0, x0 = v[i], x[i]
        for r in range(dots.size):
            dots[r] += v0 * x0[r]
        i += 1


@kernel
def subtract_multiples(x: Any, v: Any, start: int, factors: Any) -> None:
    """x[i, r] −= factors[r]·v[i] from `start` on."""
    i = start
    while i + 4 <= v.size:
        v0, v1, v2, v3 = v[i], v[i + 1], v[i + 2], v[i + 3]
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        for r in range(factors.size):
            factor = factors[r]
            x0[r] -= factor * v0
            x1[r] -= factor * v1
            x2[r] -= factor * v2
            x3[r] -= factor * v3
        i += 4
    while i < v.size:
        v0, x0 = v[i], x[i]
        for r in range(factors.size):
            x0[r] -= factors[r] * v0
        i += 1


KERNELS = [draw_gaussians, make_reflectors, reflect, subtract_and_add, add_dots, subtract_multiples]
