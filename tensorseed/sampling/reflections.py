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

PANEL = 1 << 17  # elements of reflectors drawn at a time: 1 MiB
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
    for first in starts if tall else reversed(starts):
        check_cancelled()
        panel, scales = _reflectors(key, m, first, min(height, k - first), signs)
        for x in groups:
            check_cancelled()
            reflect(x, panel, scales, first, tall)
    if tall:
        return np.concatenate([(x[:k] * signs[:, None]).T for x in groups])
    return np.concatenate([x.T for x in groups]) * signs[rows][:, None]


def _reflectors(key: Key, m: int, first: int, count: int, signs: Matrix) -> tuple[Matrix, Matrix]:
    """Reflectors `first` … as rows, from their own coordinates on, and their 2/‖v‖²; D goes to `signs`."""
    panel, scales = np.empty((count, m)), np.empty(count)
    words = key.words()
    drawn = np.empty(m + 2)
    for p in range(count):
        start = (first + p) * (m + 1)  # element (j, j) of the Gaussian matrix (k, m)
        length = m - first - p
        normal_f64(drawn[: (length + 3) // 2 * 2], start // 2, words, STANDARD)
        panel[p, first + p :] = drawn[start % 2 : start % 2 + length]
    make_reflectors(panel, scales, signs, first)
    return panel, scales


@kernel
def make_reflectors(panel: Any, scales: Any, signs: Any, first: int) -> None:
    """Turn Gaussian rows g into v = g + s·‖g‖·e₁ in place; scale 2/‖v‖² = 1/(‖g‖·(‖g‖ + |g₁|)); D = −s."""
    for p in range(panel.shape[0]):
        row, j = panel[p], first + p
        square = 0.0
        for i in range(j, row.size):
            square += row[i] * row[i]
        norm = np.sqrt(square)
        sign = 1.0 if row[j] >= 0.0 else -1.0
        signs[j] = -sign
        scales[p] = 1.0 / (norm * (norm + abs(row[j]))) if norm > 0.0 else 0.0
        row[j] += sign * norm


@kernel
def reflect(x: Any, panel: Any, scales: Any, first: int, ascending: bool) -> None:
    """Apply a panel's reflections to the columns of `x` (m, rows), in ascending or descending order."""
    count = panel.shape[0]
    dots = np.empty(x.shape[1])
    for q in range(count):
        p = q if ascending else count - 1 - q
        dots[:] = 0.0
        add_dots(x, panel[p], first + p, dots)
        for r in range(dots.size):
            dots[r] *= scales[p]
        subtract_multiples(x, panel[p], first + p, dots)


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


KERNELS = [make_reflectors, reflect, add_dots, subtract_multiples]
