"""Counter-based random bits: Philox4x32-10, and the keys of streams.

    words = philox4x32(counter, key)

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011).
`philox4x32` takes 32-bit unsigned scalars in compiled code and int64 tensors holding values below 2³².
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba.extending import overload

from tensorseed.sampling.primitives import Number

STREAM_VERSION = 1
DOMAIN = b"tensorseed stream v1"
ROUNDS = 10
MASK = 0xFFFFFFFF
MULTIPLIER_0, MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
WEYL_0, WEYL_1 = 0x9E3779B9, 0xBB67AE85  # golden ratio, √3 − 1

_FOUR_WORDS = struct.Struct("<4I")


class Key(NamedTuple):
    """A stream's key: the Philox key, and counter words 2 and 3."""

    k0: int
    k1: int
    c2: int
    c3: int

    def words(self) -> tuple[np.uint32, ...]:
        """The key as the kernels take it."""
        return tuple(map(np.uint32, self))


class Stream(NamedTuple):
    """The random bits of one tensor, or of a part of it: a seed, the name that keys it, the part's number."""

    seed: int
    name: str
    parts: tuple[int, ...] = ()  # the number of the part, of the part within it, and so on

    def key(self, purpose: str = "value") -> Key:
        """The key for a purpose, behind which the numbers of parts stand."""
        numbered = " ".join((purpose, *map(str, self.parts))) if self.parts else purpose
        return stream_key(self.seed, self.name, numbered)

    def part(self, number: int) -> Stream:
        """The random bits of the part of a number."""
        return self._replace(parts=(*self.parts, number))


def stream_key(seed: int, name: str, purpose: str = "value") -> Key:
    """The key of the stream for the tensor called `name`.

    SHA-256 over the domain, then the seed (8 bytes), then the lengths (8 bytes) and UTF-8 bytes of name and
    purpose; integers are little-endian. The first 16 bytes of the digest are four little-endian words.
    """
    before, after = around_name(seed, purpose)
    text = name.encode()
    digest = hashlib.sha256(before + len(text).to_bytes(8, "little") + text + after).digest()
    return Key(*_FOUR_WORDS.unpack_from(digest))


@lru_cache
def around_name(seed: int, purpose: str) -> tuple[bytes, bytes]:
    """What is hashed before the length of a name, and after the name."""
    text = purpose.encode()
    return DOMAIN + seed.to_bytes(8, "little"), len(text).to_bytes(8, "little") + text


def philox4x32(c0: Number, c1: Number, c2: Number, c3: Number, k0: Number, k1: Number) -> Number:
    """Ten rounds over int64 tensors; the product of two words wraps at 64 bits, as its bits must."""
    for _ in range(ROUNDS):
        p0, p1 = c0 * MULTIPLIER_0, c2 * MULTIPLIER_1
        c0, c1, c2, c3 = ((p1 >> 32) & MASK) ^ c1 ^ k0, p1 & MASK, ((p0 >> 32) & MASK) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + WEYL_0) & MASK, (k1 + WEYL_1) & MASK
    return c0, c1, c2, c3


_M0, _M1, _W0, _W1, _32 = map(np.uint64, (MULTIPLIER_0, MULTIPLIER_1, WEYL_0, WEYL_1, 32))


def _compiled(c0: Number, c1: Number, c2: Number, c3: Number, k0: Number, k1: Number) -> Number:
    """The same on scalars in native widths: 32-bit words, 64-bit products."""
    for _ in range(ROUNDS):
        p0, p1 = np.uint64(c0) * _M0, np.uint64(c2) * _M1
        c0, c2 = np.uint32(p1 >> _32) ^ c1 ^ k0, np.uint32(p0 >> _32) ^ c3 ^ k1
        c1, c3 = np.uint32(p1), np.uint32(p0)
        k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
    return np.uint32(c0), c1, np.uint32(c2), c3


@overload(philox4x32, strict=False, jit_options={"forceinline": True})
def _philox4x32(*words: Number) -> Callable[..., Number]:
    return _compiled
