"""Rows of orthogonal matrices, by Householder reflections of unit vectors.

Row i of a tall matrix Q is eᵢᵀ H₀ … Hₖ₋₁ D. Row r of a wide or square matrix Qᵀ is dᵣ·(H₀ … Hᵣ eᵣ)ᵀ. H and D
are those of `distributions/orthogonal.py`. A row costs about 4·m·k operations, without any other row or
preparation.

The Gaussian vectors are the rows of a row-major matrix (k, m) of normals: gⱼ[i] is number j·m + i. All
numbers are float64. Every sum goes from its first term to its last, and vectors go across rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.sampling.machine_code.entry_points import draw_gaussians, make_reflectors, reflect
from tensorseed.sampling.philox import Key

Matrix = npt.NDArray[np.float64]

PANEL = 1 << 18  # elements of reflectors drawn at a time: 2 MiB
ROWS = 16  # side by side: two sums of 512 bits, each of which waits for its last term
HEIGHT = 64  # reflectors at most that are drawn at a time


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
