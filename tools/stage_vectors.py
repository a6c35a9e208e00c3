"""Write `tests/vectors/stages.json`: the stages from seed to element.

The numbers come from `tools/reference`, a reading of the page that shares nothing with what draws.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tensorseed.sampling.dtypes import DTYPES, round_down, round_up
from tools.reference.matrices import places, reflected, thin
from tools.reference.normals import bits, key, minus2log, normal, real, uniform_unit, words
from tools.reference.rounding import FORMATS, rounded
from tools.reference.sinusoids import sinusoid
from tools.reference.truncation import Interval, constants_of, truncated

FILE = Path(__file__).parents[1] / "tests" / "vectors" / "stages.json"
TOP = 0xFFFFFFFF

KEYS = [
    (0, "weight", "value"),
    (42, "weight", "value"),
    (42, "weight", "permutation"),
    (42, "größe", "value"),
]
KEYS += [((1 << 64) - 1, "h.0.attn.weight", "value")]
BLOCKS = [0, 1, TOP, TOP + 1, TOP + 2, (1 << 40) + 7, (1 << 64) - 1]
# the first word's ends and the second one's octants, places and signs
PAIRS = [(0, 0), (TOP, TOP), (0x80000000, 0x20000000), (0x12345678, 0x9ABCDEF0), (1, 0x1FFFFFFF)]
PAIRS += [(0xFFFFFF80, 0xC0000000), (0xFFFFFF7F, 0x60000001), (0x2F6E2B1, 0x40000000)]
UNITS = ["2f000000", "33800000", "3f800000", "3f7fffff", "3f3504f3", "3f3504f4", "3eaaaaab"]
UNITS64 = ["3c90000000000000", "3ff0000000000000", "3fefffffffffffff", "3fe6a09e667f3bcd", "3fd5555555555555"]
INTERVALS = [  # mean, std, a, b, of the dtype
    (Interval(0.0, 1.0, -2.0, 2.0), "float32"),
    (Interval(0.5, 2.0, -1.0, 4.0), "bfloat16"),
    (Interval(0.0, 0.02, 0.0, 0.04), "float32"),
    (Interval(0.0, 1.0, -2.015625, 2.0), "float32"),
    (Interval(1e-70, 1.0, -2.015625, 2.0), "float32"),
    (Interval(-1e-70, 1.0, -2.015625, 2.0), "float32"),
    (Interval(0.0, 1.0, -3.0, 3.0), "float32"),
    (Interval(0.5, 2.0, -1.0, 7.5), "float16"),
    (Interval(0.0, 1.0, 3.0, 5.0), "float32"),
    (Interval(0.0, 1.0, -21.0, -20.0), "float32"),
    (Interval(0.0, 1.0, 37.0, 38.0), "float32"),
    (Interval(0.0, 1.0, -2.0, 2.0), "float64"),
    (Interval(0.0, 1.0, -1e-3, 10.0), "float64"),
    (Interval(0.0, 1.0, 3.0, 5.0), "float64"),
    (Interval(0.25, 1.0, -40.0, 0.25), "float64"),
    (Interval(0.0, 1.0, -37.0, -36.0), "float64"),
    (Interval(0.0, 1.0, -1.0, math.inf), "float32"),
    (Interval(0.0, 0.02, -math.inf, 0.04), "bfloat16"),
    (Interval(0.0, 1.0, 3.0, math.inf), "float32"),
    (Interval(0.25, 1.0, -math.inf, 0.25), "float64"),
]
# The ends of each format: subnormals, ties, the largest number, the first overflow
ROUNDED = ["00000000", "80000000", "00000001", "33000000", "33000001", "3f801000", "3f803000", "477fe000"]
ROUNDED += ["477fefff", "477ff000", "c77ff000", "476fffff", "47700000", "43e00000", "43e80000", "43e80001"]
ROUNDED += ["c4000000", "7f7f0000", "7f7f7fff", "7f7f8000", "ff7fffff", "3a800000", "3b000000", "37c00000"]
WAVES = [  # waves, i, position, phase, max_timescale, endpoint
    (4, 0, 3, 0, 10000.0, True),
    (4, 3, 3, 1, 10000.0, True),
    (4, 3, 1499, 0, 10000.0, False),
    (1, 0, 7, 1, 10000.0, True),
    (5, 2, 1 << 20, 1, 1e6, True),
    (3, 1, 2, 0, 1.0, False),
]


def stages() -> dict[str, list[dict[str, Any]]]:
    """Every stage with its vectors."""
    return {
        "keys": [_key(*arguments) for arguments in KEYS],
        "blocks": [_block(number) for number in BLOCKS],
        "rounding": [_rounding(text) for text in ROUNDED],
        "uniform": _uniforms(),
        "minus2log": [_log(text, "float32") for text in UNITS] + [_log(text, "float64") for text in UNITS64],
        "normal": [_normal("float32", *pair) for pair in PAIRS]
        + [_normal("float64", *PAIRS[i], *PAIRS[-1 - i]) for i in range(len(PAIRS))],
        "truncated_normal": [_truncated(*interval) for interval in INTERVALS],
        "permutation": [_permutation(rows, column) for rows, column in ((7, 0), (7, 5), (1, 2), (64, 1))],
        "thin": [_thin(10, 3), _thin(8, 4), _thin(5, 1)],
        "not_thin": [_reflected(4, 3), _reflected(3, 4), _reflected(3, 3), _reflected(1, 1)],
        "sinusoidal": [_wave(*wave) for wave in WAVES],
    }


def _hex(*ws: int) -> list[str]:
    return [f"{w:08x}" for w in ws]


def _key(seed: int, name: str, purpose: str) -> dict[str, Any]:
    return {"seed": str(seed), "name": name, "purpose": purpose, "words": _hex(*key(seed, name, purpose))}


def _block(number: int) -> dict[str, Any]:
    k = key(42, "weight")
    return {"key": _hex(*k), "block": str(number), "words": _hex(*words(k, number))}


def _rounding(text: str) -> dict[str, Any]:
    value = real(text, "float32")
    codes = {name: f"{rounded(value, name):0{2 * DTYPES[name].itemsize}x}" for name in FORMATS}
    return {"float32": text, **codes}


def _uniforms() -> list[dict[str, Any]]:
    single = [("float32", (w,)) for w in (0, 255, 256, 0x12345678, TOP)]
    double = [("float64", pair) for pair in PAIRS]
    return [
        {"precision": precision, "words": _hex(*ws), "u": bits(uniform_unit(precision, *ws))}
        for precision, ws in [*single, *double]
    ]


def _log(text: str, precision: str) -> dict[str, Any]:
    return {"precision": precision, "u": text, "minus2log": bits(minus2log(real(text, precision)))}


def _normal(precision: str, *ws: int) -> dict[str, Any]:
    found = normal(precision, *ws)._asdict()
    return {
        "precision": precision,
        "words": _hex(*ws),
        **{name: bits(value) for name, value in found.items()},
    }


def _truncated(interval: Interval, dtype: str) -> dict[str, Any]:
    form = DTYPES[dtype]
    f = np.float64 if form.draw == "float64" else np.float32
    low, high = round_up(interval.a, form) + 0.0, round_down(interval.b, form) + 0.0
    exact = constants_of(interval, form.draw)
    count = 1 << (53 if form.draw == "float64" else 32)
    lower = exact.get("lower_words", count // 2)
    picked = {0, 1, count // 3, lower - 1, lower, count - 2, count - 1}
    chosen = [w for w in sorted(picked) if 0 <= w < count]
    return {
        **{name: repr(value) for name, value in interval._asdict().items()},
        "dtype": dtype,
        "low": bits(f(low)),
        "high": bits(f(high)),
        "near": "d_step" in exact,
        "constants": {n: str(v) if n == "lower_words" else bits(f(v)) for n, v in exact.items()},
        "words": [f"{w:x}" for w in chosen],
        "values": [bits(truncated(interval, form.draw, w, low, high)) for w in chosen],
    }


def _permutation(rows: int, column: int) -> dict[str, Any]:
    k = key(42, "weight", "permutation")
    return {"key": _hex(*k), "rows": rows, "column": column, "places": places(k, rows, column)}


def _thin(m: int, n: int) -> dict[str, Any]:
    k = key(42, "weight")
    found = thin(k, m, n)
    lists = {name: [bits(value) for value in getattr(found, name)] for name in ("norms", "scales", "pivots")}
    tables = {
        name: [[bits(value) for value in row] for row in getattr(found, name)]
        for name in ("gram", "omega", "elements")
    }
    return {"key": _hex(*k), "m": m, "n": n, "signs": found.signs, **lists, **tables}


def _reflected(rows: int, columns: int) -> dict[str, Any]:
    k = key(42, "weight")
    elements = [[bits(value) for value in row] for row in reflected(k, rows, columns)]
    return {"key": _hex(*k), "rows": rows, "columns": columns, "elements": elements}


def _wave(waves: int, i: int, position: int, phase: int, timescale: float, endpoint: bool) -> dict[str, Any]:
    found = sinusoid(waves, i, position, phase, timescale, endpoint=endpoint)
    place = {"waves": waves, "i": i, "position": position, "phase": phase}
    options = {"max_timescale": repr(timescale), "endpoint": endpoint}
    return {**place, **options, **{name: bits(value) for name, value in found._asdict().items()}}


def text() -> str:
    """The file: a line for each vector."""
    parts = []
    for stage, vectors in stages().items():
        lines = ",\n".join(f"  {json.dumps(vector, ensure_ascii=False)}" for vector in vectors)
        parts.append(f' "{stage}": [\n{lines}\n ]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Write the stages; change what is frozen only with `--overwrite`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--overwrite", action="store_true", help="accept changed bits: a new stream version")
    if FILE.exists() and not parser.parse_args().overwrite:
        found = stages()
        for stage, vectors in json.loads(FILE.read_text(encoding="utf-8")).items():
            if any(vector not in found[stage] for vector in vectors):
                sys.exit(f"these bits changed, which stream v1 forbids: {stage}")
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
