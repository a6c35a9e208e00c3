"""Compiled kernels of sparse matrices: what the shuffle keeps.

`distributions/sparse.py` has the algorithm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tensorseed.sampling import kernels  # noqa: F401, which compiles Philox
from tensorseed.sampling.philox import philox4x32

ROUNDS = 16
TILE = 512  # columns whose rounds are tabulated at a time

kernel = njit(nogil=True, error_model="numpy")

_32 = np.uint64(32)
_GOLDEN = np.uint32(0x9E3779B9)
_FIRST, _SECOND = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
_15, _16, _31 = np.uint32(15), np.uint32(16), np.uint32(31)


@njit(forceinline=True)
def mix(x: Any) -> Any:
    """A hash of 32 bits to 32 bits."""
    x = np.uint32(x ^ (x >> _16))
    x = np.uint32(x * _FIRST)
    x = np.uint32(x ^ (x >> _15))
    x = np.uint32(x * _SECOND)
    return np.uint32(x ^ (x >> _16))


@njit(forceinline=True)
def round_numbers(column: Any, key: Any, rows: Any, partners: Any, hash_keys: Any, at: int) -> Any:
    """Tabulate the rounds of one column in column `at` of both tables, (rounds, columns).

    Returns the rotation.
    """
    k0, k1, c2, c3 = key
    block = np.uint64(column)
    w0, w1, w2, _ = philox4x32(np.uint32(block), np.uint32(block >> _32), c2, c3, k0, k1)
    for i in range(ROUNDS):
        step = np.uint32(np.uint32(i) * _GOLDEN)
        partners[i, at] = np.uint32((np.uint64(mix(np.uint32(w0 + step))) * np.uint64(rows)) >> _32)
        hash_keys[i, at] = mix(np.uint32(w1 + step))
    return np.uint32((np.uint64(w2) * np.uint64(rows)) >> _32)


@njit(forceinline=True)
def rotated(x: Any, rotation: Any, rows: Any) -> Any:
    """x + rotation (mod rows): a difference that wraps is the larger one."""
    far = np.uint32(x + rotation)
    wrapped = np.uint32(far - rows)
    return far if far < wrapped else wrapped


@njit(forceinline=True)
def swapped(x: Any, partner: Any, hash_key: Any, rows: Any) -> Any:
    """One round, without a branch: a difference that wraps is the larger of itself and itself plus `rows`."""
    below = np.uint32(partner - x)
    wrapped = np.uint32(below + rows)
    other = below if below < wrapped else wrapped
    larger = x if x > other else other
    swap = np.uint32(np.uint32(0) - np.uint32(mix(np.uint32(larger ^ hash_key)) >> _31))
    return np.uint32(x ^ ((x ^ other) & swap))


@kernel
def kept_rectangle(keep: Any, first_row: int, first_column: int, rows: int, zeros: int, key: Any) -> None:
    """The mask of a rectangle of the tensor, (rows, columns), from a first row and column on."""
    partners = np.empty((ROUNDS, TILE), np.uint32)
    hash_keys = np.empty((ROUNDS, TILE), np.uint32)
    rotations = np.empty(TILE, np.uint32)
    positions = np.empty(TILE, np.uint32)
    n, bound = np.uint32(rows), np.uint32(zeros)
    for start in range(0, keep.shape[1], TILE):
        width = min(TILE, keep.shape[1] - start)
        for c in range(width):
            rotations[c] = round_numbers(first_column + start + c, key, n, partners, hash_keys, c)
        for r in range(keep.shape[0]):
            for c in range(width):
                positions[c] = rotated(np.uint32(first_row + r), rotations[c], n)
            for i in range(ROUNDS):
                for c in range(width):
                    positions[c] = swapped(positions[c], partners[i, c], hash_keys[i, c], n)
            for c in range(width):
                keep[r, start + c] = positions[c] >= bound


@kernel
def kept_elements(keep: Any, elements: Any, columns: int, rows: int, zeros: int, key: Any) -> None:
    """The mask of the listed elements of the row-major tensor."""
    partners = np.empty((ROUNDS, 1), np.uint32)
    hash_keys = np.empty((ROUNDS, 1), np.uint32)
    n, bound = np.uint32(rows), np.uint32(zeros)
    for i in range(keep.size):
        rotation = round_numbers(elements[i] % columns, key, n, partners, hash_keys, 0)
        place = rotated(np.uint32(elements[i] // columns), rotation, n)
        for j in range(ROUNDS):
            place = swapped(place, partners[j, 0], hash_keys[j, 0], n)
        keep[i] = place >= bound


KERNELS = [kept_rectangle, kept_elements]
