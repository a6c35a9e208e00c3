"""Rows of orthogonal matrices, by Householder reflections of unit vectors.

Row i of a tall matrix Q is eᵢᵀ H₀ … Hₖ₋₁ D. Row r of a wide or square matrix Qᵀ is dᵣ·(H₀ … Hᵣ eᵣ)ᵀ. H and D
are those of `distributions/orthogonal.py`. A row costs about 4·m·k operations, without any other row or
preparation.

The Gaussian vectors are the rows of a row-major matrix (k, m) of normals: gⱼ[i] is number j·m + i. All
numbers are float64. Every sum goes from its first term to its last, and vectors go across rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.sampling.block_vectors import store
from tensorseed.sampling.kernels import normal_f64
from tensorseed.sampling.philox import Key
from tensorseed.sampling.row_vectors import NBYTES, ROWS, equal, load

Matrix = npt.NDArray[np.float64]

PANEL = 1 << 18  # elements of reflectors drawn at a time: 2 MiB
HEIGHT = 64  # reflectors at most that are drawn at a time
STANDARD = (np.float64(0.0), np.float64(1.0))

kernel = njit(nogil=True, error_model="numpy")


def orthogonal_rows(key: Key, shape: tuple[int, int], rows: npt.NDArray[np.int64]) -> Matrix:
    """The listed rows of the orthogonal matrix of `shape` that `key` stands for: (rows.size, shape[1]).

    Raises:
        ComputationCancelledError: no request waits for them any more.
    """
    m, k = max(shape), min(shape)
    tall = shape[0] > shape[1]
    groups = [np.zeros((m, ROWS)) for _ in range(0, rows.size, ROWS)]
    for i, x in enumerate(groups):
        own = rows[i * ROWS : (i + 1) * ROWS]
        x[own, np.arange(own.size)] = 1.0
    signs = np.empty(k)
    height = max(1, min(HEIGHT, PANEL // m))
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
        return np.concatenate([(x[:k] * signs[:, None]).T for x in groups])[: rows.size]
    return np.concatenate([x.T for x in groups])[: rows.size] * signs[rows][:, None]


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


KERNELS = [draw_gaussians, make_reflectors, reflect]
