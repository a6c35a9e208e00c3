"""Table of the stream's constants: name, section, value and bits."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from tensorseed.sampling import philox, transforms32, transforms64
from tensorseed.sampling.distributions import sinusoidal
from tensorseed.sampling.distributions.trunc_normal import truncated_std
from tensorseed.spec.schemes.scaled import SQRT3

BITS = {"float32": np.uint32, "float64": np.uint64}


class Constant(NamedTuple):
    """A constant of the page and the number that the code uses."""

    name: str
    section: int
    value: np.float32 | np.float64


def _numbered(name: str, section: int, module: Any, letter: str, numbers: range) -> list[Constant]:
    return [Constant(f"{name}{n}", section, getattr(module, f"{letter}{n}")) for n in numbers]


FLOAT32 = [
    *_numbered("LOG", 5, transforms32, "L", range(8)),
    Constant("LOG_TWO", 5, transforms32.MINUS_TWO_LN_2),
    *_numbered("SIN", 5, transforms32, "S", range(4)),
    *_numbered("COS", 5, transforms32, "C", range(4)),
    *_numbered("NEAR_TOP", 6, transforms32, "A", range(5)),
    *_numbered("NEAR_BOTTOM", 6, transforms32, "B", range(4)),
    Constant("CENTRE_LIMIT", 6, transforms32.CENTRAL),
    *_numbered("CENTRE_TOP", 6, transforms32, "P", range(5)),
    *_numbered("CENTRE_BOTTOM", 6, transforms32, "Q", range(1, 4)),
    Constant("TAIL_SHIFT", 6, transforms32.TAIL_SHIFT),
    *_numbered("TAIL_TOP", 6, transforms32, "R", range(6)),
    *_numbered("TAIL_BOTTOM", 6, transforms32, "T", range(1, 5)),
]
FLOAT64 = [
    *_numbered("LOG", 5, transforms64, "L", range(8)),
    Constant("LN2_HIGH", 5, transforms64.LN_2_HIGH),
    Constant("LN2_LOW", 5, transforms64.LN_2_LOW),
    *_numbered("SIN", 5, transforms64, "S", range(7)),
    *_numbered("COS", 5, transforms64, "C", range(7)),
    Constant("CENTRE_LIMIT", 6, transforms64.CENTRAL),
    Constant("CENTRE_SHIFT", 6, transforms64.CENTRAL_SQUARE),
    *_numbered("CENTRE_TOP", 6, transforms64, "A", range(8)),
    *_numbered("CENTRE_BOTTOM", 6, transforms64, "B", range(1, 8)),
    Constant("MIDDLE_SHIFT", 6, transforms64.NEAR_SHIFT),
    *_numbered("MIDDLE_TOP", 6, transforms64, "N", range(8)),
    *_numbered("MIDDLE_BOTTOM", 6, transforms64, "M", range(1, 8)),
    Constant("FAR_SHIFT", 6, transforms64.FAR_SHIFT),
    *_numbered("FAR_TOP", 6, transforms64, "E", range(8)),
    *_numbered("FAR_BOTTOM", 6, transforms64, "G", range(1, 8)),
    Constant("TRUNCATED_STD", 10, np.float64(truncated_std(2.0))),
    Constant("ROOT_2", 10, np.float64(math.sqrt(2.0))),
    Constant("ROOT_3", 10, np.float64(SQRT3)),
    Constant("PER_LN2", 11, sinusoidal.ONE_OVER_LN_2),
    *(Constant(f"EXP{n}", 11, value) for n, value in enumerate(sinusoidal.EXP)),
    Constant("PER_QUARTER", 11, sinusoidal.TWO_OVER_PI),
    Constant("QUARTER1", 11, sinusoidal.HALF_PI_1),
    Constant("QUARTER2", 11, sinusoidal.HALF_PI_2),
    Constant("QUARTER3", 11, sinusoidal.HALF_PI_3),
    Constant("PER_OCTANT", 11, sinusoidal.FOUR_OVER_PI),
]
INTEGERS = {
    "PHILOX_MULTIPLIER_0": (2, philox.MULTIPLIER_0),
    "PHILOX_MULTIPLIER_1": (2, philox.MULTIPLIER_1),
    "PHILOX_WEYL_0": (2, philox.WEYL_0),
    "PHILOX_WEYL_1": (2, philox.WEYL_1),
    "LOG_OFFSET_32": (5, 0x004AFB0D),
    "HALF_ROOT_32": (5, 0x3F3504F3),
    "HALF_ROOT_64": (5, transforms64.SQRT_HALF_BITS),
    "MIX_GOLDEN": (8, 0x9E3779B9),
    "MIX_MULTIPLIER_0": (8, 0x7FEB352D),
    "MIX_MULTIPLIER_1": (8, 0x846CA68B),
}


def bits_of(value: np.float32 | np.float64) -> str:
    """The representation as hexadecimal digits, the most significant first."""
    return f"{int(value.view(BITS[value.dtype.name])):0{2 * value.itemsize}x}"


def constants() -> dict[str, Any]:
    """The document: texts, integers in hexadecimal, and float constants by precision."""
    return {
        "stream": philox.STREAM_VERSION,
        "texts": {"DOMAIN": philox.DOMAIN.decode(), "PURPOSES": ["value", "permutation"]},
        "integers": {
            name: {"section": section, "value": f"0x{value:x}"} for name, (section, value) in INTEGERS.items()
        },
        "float32": {c.name: _described(c) for c in FLOAT32},
        "float64": {c.name: _described(c) for c in FLOAT64},
    }


def _described(constant: Constant) -> dict[str, Any]:
    text = str(constant.value)
    return {"section": constant.section, "value": text, "bits": bits_of(constant.value)}
