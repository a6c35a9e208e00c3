"""Which rows of a column a `sparse` tensor sets to zero: a keyed permutation, answered for one element alone.

A column's rows are permuted by the swap-or-not shuffle (Hoang, Morris, Rogaway, "An enciphering scheme based
on a card shuffle", CRYPTO 2012), which permutes 0 … n − 1 for any n without trying again: in each round x and
its partner K − x (mod n) change places if a bit of a hash of the larger one says so. A rotation before the
first round makes every row's chance exactly equal. The rows that land below `zeros` are zero, so every column
has exactly that many.

Column c takes its numbers from block c of the stream with the purpose "permutation": the rotation is
⌊w2·n/2³²⌋; round i has K = ⌊mix(w0 + i·G)·n/2³²⌋ and the hash's key mix(w1 + i·G), G = 0x9e3779b9. `mix` is
the 32-bit finaliser "lowbias32" of C. Wellons (Prospecting for Hash Functions, 2018).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from tensorseed.sampling.distributions import Sparse
from tensorseed.sampling.philox import Key, philox4x32

PURPOSE = "permutation"
ROUNDS = 16
MAX_ROWS = 1 << 31
TILE = 512  # columns whose rounds' numbers are kept at hand

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
    """The rounds' numbers of one column, into column `at` of both tables (rounds, columns).

    Gives the rotation.
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
    """0 where the tensor is zero, else 1, for the part of it (rows, columns) that begins at the given
    place.
    """
    partners = np.empty((ROUNDS, TILE), np.uint32)
    hash_keys = np.empty((ROUNDS, TILE), np.uint32)
    rotations = np.empty(TILE, np.uint32)
    places = np.empty(TILE, np.uint32)
    n, bound = np.uint32(rows), np.uint32(zeros)
    for start in range(0, keep.shape[1], TILE):
        width = min(TILE, keep.shape[1] - start)
        for c in range(width):
            rotations[c] = round_numbers(first_column + start + c, key, n, partners, hash_keys, c)
        for r in range(keep.shape[0]):
            for c in range(width):
                places[c] = rotated(np.uint32(first_row + r), rotations[c], n)
            for i in range(ROUNDS):
                for c in range(width):
                    places[c] = swapped(places[c], partners[i, c], hash_keys[i, c], n)
            for c in range(width):
                keep[r, start + c] = places[c] >= bound


@kernel
def kept_elements(keep: Any, elements: Any, columns: int, rows: int, zeros: int, key: Any) -> None:
    """The same for the listed elements of the row-major tensor."""
    partners = np.empty((ROUNDS, 1), np.uint32)
    hash_keys = np.empty((ROUNDS, 1), np.uint32)
    n, bound = np.uint32(rows), np.uint32(zeros)
    for i in range(keep.size):
        rotation = round_numbers(elements[i] % columns, key, n, partners, hash_keys, 0)
        place = rotated(np.uint32(elements[i] // columns), rotation, n)
        for j in range(ROUNDS):
            place = swapped(place, partners[j, 0], hash_keys[j, 0], n)
        keep[i] = place >= bound


def kept_range(what: Sparse, key: Key, first: int, count: int) -> npt.NDArray[np.uint8]:
    """The same for `count` elements from `first` on: the rest of a row, whole rows, the start of a row."""
    keep = np.empty(count, np.uint8)
    words = tuple(map(np.uint32, key))
    done = 0
    while done < count:
        row, column = divmod(first + done, what.columns)
        height = (count - done) // what.columns if column == 0 else 0
        width = what.columns if height else min(what.columns - column, count - done)
        part = keep[done : done + max(height, 1) * width].reshape(-1, width)
        kept_rectangle(part, row, column, what.rows, what.zeros, words)
        done += part.size
    return keep


KERNELS = [kept_rectangle, kept_elements]
