"""Counter-based random bits: Philox4x32-10, and the keys of streams.

    words = philox4x32(counter, key)

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011).
`philox4x32` takes 32-bit unsigned scalars in compiled code and int64 tensors holding values below 2³².
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.machine_code.entry_points import hash_names

STREAM_VERSION = 1
DOMAIN = b"tensorseed stream v1"
ROUNDS = 10
MASK = 0xFFFFFFFF
MULTIPLIER_0, MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
WEYL_0, WEYL_1 = 0x9E3779B9, 0xBB67AE85  # golden ratio, √3 − 1

KEY_WORDS = 4

Number = Any  # an int64 tensor, or a 32-bit word inside compiled code

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


def stream_keys(seed: int, names: Sequence[str], own: Sequence[int | None] = ()) -> npt.NDArray[np.uint32]:
    """The keys that `stream_key` makes of many names, a row for each.

    `own` are the seeds of the names: `None` is `seed`, and so is every one of an empty `own`.
    """
    count, text = len(names), "".join(names).encode()
    sizes = np.fromiter(map(len, names), np.int64, count)
    if int(sizes.sum()) < len(text):  # some characters have several bytes
        sizes = np.fromiter(map(len, map(str.encode, names)), np.int64, count)
    if own:
        seeds = np.array([seed if one is None else one for one in own], np.uint64)
    else:
        seeds = np.full(count, seed, np.uint64)
    keys = np.empty((count, KEY_WORDS), np.uint32)
    after = _bytes(around_name(seed, "value")[1] + b"\x80")
    hash_names(_DOMAIN, seeds, _bytes(text + b"\0"), np.cumsum(sizes), after, keys)
    return keys


def _bytes(content: bytes) -> npt.NDArray[np.uint8]:
    """An array that can be written: another one would be compiled for anew."""
    return np.frombuffer(bytearray(content), np.uint8)


_DOMAIN = np.frombuffer(bytearray(DOMAIN), np.uint32)


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
