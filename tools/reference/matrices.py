"""Sections 8 and 9: permutation of sparse columns, and orthogonality."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np

from tools.reference.normals import MASK, Key, Real, normal, words


def _mix(h: int) -> int:
    h ^= h >> 16
    h = h * 0x7FEB352D & MASK
    h ^= h >> 15
    h = h * 0x846CA68B & MASK
    return h ^ (h >> 16)


def places(k: Key, rows: int, column: int) -> list[int]:
    """Where each row of a column lands; `k` is the key of the purpose `permutation`."""
    w0, w1, w2, _ = words(k, column)
    found = []
    for row in range(rows):
        place = (row + (w2 * rows >> 32)) % rows
        for i in range(16):
            step = i * 0x9E3779B9
            partner = ((_mix((w0 + step) & MASK) * rows >> 32) - place) % rows
            if _mix(max(place, partner) ^ _mix((w1 + step) & MASK)) >= 1 << 31:
                place = partner
        found.append(place)
    return found


def _gaussian(k: Key, index: int) -> Real:
    return normal("float64", *words(k, index // 2))[6 + index % 2]


class Orthogonal(NamedTuple):
    """The intermediate numbers of a thin matrix, and Q of m rows and n columns."""

    norms: list[Real]  # ν
    signs: list[int]
    scales: list[Real]  # t
    pivots: list[Real]  # v_j[j]
    gram: list[list[Real]]  # by j, for l < j
    omega: list[list[Real]]  # by column
    elements: list[list[Real]]


def thin(k: Key, m: int, n: int) -> Orthogonal:
    """A thin matrix of m rows and n columns."""
    pitch = 4 * ceil(n / 4)
    g = [[_gaussian(k, i * pitch + j) for i in range(m)] for j in range(n)]
    norms, signs, scales, pivots, gram, omega = [], [], [], [], [], []
    for j in range(n):
        sums = [_sum(g[l][i] * g[j][i] for i in range(j + 1, m)) for l in range(j + 1)]  # noqa: E741
        norms.append(np.sqrt(sums[j] + g[j][j] * g[j][j]))
        signs.append(1 if g[j][j] >= 0 else -1)
        pivots.append(g[j][j] + signs[j] * norms[j])
        scales.append(1.0 / (norms[j] * (norms[j] + abs(g[j][j]))))
        gram.append([sums[l] + g[l][j] * pivots[j] for l in range(j)])  # noqa: E741
    for column in range(n):
        w = [*(g[l][column] for l in range(column)), pivots[column]]  # noqa: E741
        for j in range(column, -1, -1):
            w[j] = w[j] * scales[j]
            for l in range(j):  # noqa: E741
                w[l] = w[l] - gram[j][l] * w[j]
        omega.append(w)
    elements = []
    for i in range(m):
        v = [pivots[j] if i == j else g[j][i] for j in range(min(i, n - 1) + 1)]
        row = []
        for column in range(n):
            total = _sum(v[j] * omega[column][j] for j in range(min(i, column) + 1))
            row.append((total - (1.0 if i == column else 0.0)) * signs[column])
        elements.append(row)
    return Orthogonal(norms, signs, scales, pivots, gram, omega, elements)


def reflected(k: Key, rows: int, columns: int) -> list[list[Real]]:
    """A matrix that is not thin, row by row."""
    m, n = max(rows, columns), min(rows, columns)
    vectors, scales, signs = [], [], []
    for j in range(n):
        v = [np.float64(0)] * j + [_gaussian(k, j * m + i) for i in range(j, m)]
        norm = np.sqrt(_sum(v[i] * v[i] for i in range(j, m)))
        signs.append(1.0 if v[j] >= 0 else -1.0)
        scales.append(1.0 / (norm * (norm + abs(v[j]))))
        v[j] = v[j] + signs[j] * norm
        vectors.append(v)
    matrix = []
    for row in range(rows):
        e = [np.float64(i == row) for i in range(m)]
        for j in range(n) if rows > columns else range(row, -1, -1):
            dot = _sum(vectors[j][i] * e[i] for i in range(j, m)) * scales[j]
            for i in range(j, m):
                e[i] = e[i] - dot * vectors[j][i]
        matrix.append([e[j] * -(signs[j] if rows > columns else signs[row]) for j in range(columns)])
    return matrix


def _sum(terms: Iterator[Real]) -> Real:
    total = np.float64(0)
    for term in terms:
        total = total + term
    return total
