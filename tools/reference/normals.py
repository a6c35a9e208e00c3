"""Sections 1 to 5: keys, words, uniforms and normals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

DOCS = Path(__file__).parents[2] / "docs"
MASK = 0xFFFFFFFF
WORDS = {"float32": 1 << 32, "float64": 1 << 53}
Real = Any  # np.float32 or np.float64


def _constants() -> dict[str, dict[str, Real]]:
    document = json.loads((DOCS / "stream-v1.constants.json").read_text(encoding="utf-8"))
    return {
        precision: {name: real(c["bits"], precision) for name, c in document[precision].items()}
        for precision in WORDS
    }


def real(bits: str, precision: str) -> Real:
    """The number with these bits, in hexadecimal."""
    return np.frombuffer(bytes.fromhex(bits)[::-1], precision)[0]


def bits(value: Real) -> str:
    """The bits of a number, in hexadecimal."""
    return np.asarray(value).tobytes()[::-1].hex()


CONSTANTS = _constants()


def poly(y: Real, coefficients: Sequence[Real]) -> Real:
    """Horner's scheme from the highest coefficient."""
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * y + coefficient
    return total


def named(precision: str, name: str, first: int, last: int) -> list[Real]:
    return [CONSTANTS[precision][f"{name}{n}"] for n in range(first, last + 1)]


class Key(NamedTuple):
    """The Philox key and two words of the counter."""

    k0: int
    k1: int
    c2: int
    c3: int


def key(seed: int, name: str, purpose: str = "value") -> Key:
    """The key of a stream."""
    message = b"tensorseed stream v1" + seed.to_bytes(8, "little")
    for text in (name.encode(), purpose.encode()):
        message += len(text).to_bytes(8, "little") + text
    digest = hashlib.sha256(message).digest()
    return Key(*(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)))


def words(k: Key, block: int) -> tuple[int, int, int, int]:
    """The four words of a block."""
    k0, k1 = k.k0, k.k1
    c0, c1, c2, c3 = block & MASK, block >> 32, k.c2, k.c3
    for _ in range(10):
        even, odd = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (odd >> 32) ^ c1 ^ k0, odd & MASK, (even >> 32) ^ c3 ^ k1, even & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def wide(w: int, w_: int) -> int:
    """53 bits of two words."""
    return (w << 21) | (w_ >> 11)


def uniform_unit(precision: str, *ws: int) -> Real:
    """u in [0, 1) of one word, or of two in float64."""
    if precision == "float32":
        return np.float32(ws[0] >> 8) * np.float32(2.0**-24)
    return np.float64(wide(*ws)) * np.float64(2.0**-53)


def minus2log(u: Real) -> Real:
    """−2·log u."""
    c = CONSTANTS[u.dtype.name]
    log = named(u.dtype.name, "LOG", 0, 7)
    if u.dtype == np.float32:
        moved = int(u.view(np.uint32)) + 0x004AFB0D
        power = np.float32((moved >> 23) - 127)
        mantissa = np.uint32((moved & 0x007FFFFF) + 0x3F3504F3).view(np.float32) - np.float32(1)
        square = mantissa * mantissa
        series = (square * mantissa) * poly(mantissa, log) + square
        return (series - np.float32(2) * mantissa) + power * c["LOG_TWO"]
    half_root = 0x3FE6A09E667F3BCD
    moved = int(u.view(np.uint64)) + 0x3FF0000000000000 - half_root
    exponent = np.float64((moved >> 52) - 1023)
    frac = np.uint64((moved & 0x000FFFFFFFFFFFFF) + half_root).view(np.float64) - 1.0
    ratio = frac / (frac + 2.0)
    ratio2 = ratio * ratio
    series = poly(ratio2, log) * ratio2
    half = (frac * frac) * 0.5
    inner = half - (ratio * (half + series) + exponent * c["LN2_LOW"])
    return (exponent * c["LN2_HIGH"] - (inner - frac)) * -2.0


class NormalStages(NamedTuple):
    """What is between a pair's words and its two standard normals."""

    u: Real
    minus2log: Real
    radius: Real
    x: Real
    sine: Real
    cosine: Real
    element0: Real
    element1: Real


def normal(precision: str, *ws: int) -> NormalStages:
    """Two standard normals: of two words, or of four in float64."""
    f: Any
    if precision == "float32":
        f, turn, last = np.float32, ws[1], 3
        u = f(ws[0]) * f(2.0**-32) + f(2.0**-33)
        x = f(turn & 0x1FFFFFFF) * f(2.0**-29) + f(2.0**-30)
    else:
        f, turn, last = np.float64, ws[2], 6
        u = f(wide(*ws[:2])) * f(2.0**-53) + f(2.0**-54)
        x = f(((turn & 0x1FFFFFFF) << 24) | (ws[3] >> 8)) * f(2.0**-53) + f(2.0**-54)
    log = minus2log(u)
    radius = np.sqrt(log)
    x2 = x * x
    sine = poly(x2, named(precision, "SIN", 0, last)) * x
    cosine = poly(x2, named(precision, "COS", 0, last)) * x2 + f(1)
    first, second = (sine, cosine) if turn & 0x20000000 else (cosine, sine)
    first = -first if turn & 0x80000000 else first
    second = -second if turn & 0x40000000 else second
    zero = f(0)  # std 1 and mean 0, as a tensor of `normal` has them
    return NormalStages(u, log, radius, x, sine, cosine, (radius * first) + zero, (radius * second) + zero)
