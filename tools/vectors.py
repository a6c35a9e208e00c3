"""Write `tests/vectors/files.json`: digests and first values of files.

The stream is frozen: without `--overwrite`, which only a new stream version justifies, this adds what is
missing and stops at anything that differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_query

FILE = Path(__file__).parents[1] / "tests" / "vectors" / "files.json"

# kind -> the parameters to pin, beside the shape; each drawn in every dtype
REQUESTS: dict[str, list[dict[str, str]]] = {
    "zeros": [{"shape": "3,5"}],
    "ones": [{"shape": "3,5"}],
    "constant": [{"shape": "3,5", "value": "0.1"}],
    "values": [{"shape": "2,3", "data": "[[0.1,-0.2,3e-7],[1,-1.5,0]]"}],
    "logit": [{"shape": "7", "p": p} for p in ("0.01", "0.5", "0.9999999999999999", "1e-100")],
    "eye": [{"shape": "5,7"}, {"shape": "5,7", "gain": "0.98"}, {"shape": "6,3,3", "gain": "0.98"}],
    "uniform": [
        {"shape": "33,7"},
        {"shape": "1000", "a": "-0.1", "b": "0.3", "seed": "18446744073709551615"},
    ],
    "normal": [{"shape": "33,7"}, {"shape": "1001", "mean": "0.5", "std": "0.02", "name": "größe"}],
    "trunc_normal": [
        {"shape": "33,7"},
        {"shape": "33,7", "std": "0.02"},
        {"shape": "33,7", "mean": "0.5", "std": "2", "a": "-1", "b": "7.5"},
        {"shape": "33,7", "mean": "0.5", "std": "2", "a": "-1", "b": "4"},
        {"shape": "33,7", "a": "-3", "b": "3"},
        {"shape": "33,7", "a": "0", "b": "1"},
        {"shape": "33,7", "a": "-2.015625", "b": "2.015625"},
        {"shape": "33,7", "a": "-2.02", "b": "2.02"},
        {"shape": "33,7", "a": "3", "b": "5"},
        {"shape": "33,7", "a": "-21", "b": "-20"},
        {"shape": "33,7", "mean": "0.5", "std": "0.02", "cutoff": "3"},
        {"shape": "33,7", "a": "0", "b": "Infinity"},
        {"shape": "33,7", "a": "-Infinity", "b": "1e39"},
    ],
    "xavier_uniform": [{"shape": "33,7"}, {"shape": "8,3,3,3", "gain": "1.6666666666666667"}],
    "xavier_normal": [{"shape": "33,7"}],
    "kaiming_uniform": [
        {"shape": "33,7"},
        {"shape": "33,7", "a": "2.23606797749979"},
        {"shape": "33,7", "mode": "fan_out", "nonlinearity": "relu"},
        {"shape": "33,7", "nonlinearity": "selu"},
    ],
    "kaiming_normal": [{"shape": "33,7"}, {"shape": "8,3,3,3", "nonlinearity": "tanh"}],
    "variance_scaling": [
        {"shape": "33,7", "mode": mode, "distribution": distribution, "scale": "2"}
        for mode in ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
        for distribution in ("normal", "uniform", "truncated_normal")
    ]
    + [{"shape": "33,7", "cutoff": "3"}],
    "lecun_uniform": [{"shape": "33,7"}],
    "lecun_normal": [{"shape": "33,7"}],
    "siren": [
        {"shape": "33,7"},
        {"shape": "33,7", "omega": "1"},
        {"shape": "8,3,3,3", "first": "true"},
    ],
    "orthogonal": [
        {"shape": "33,7"},
        {"shape": "7,33", "gain": "1.5"},
        {"shape": "6,2,3,3"},
        {"shape": "1,1"},
        {"shape": "13,11"},
        {"shape": "11,13", "gain": "1.5"},
        {"shape": "10,1"},
        {"shape": "300,2,2"},
        {"shape": "9,300"},
    ],
    "delta_orthogonal": [
        {"shape": "8,5,3"},
        {"shape": "6,6,3,4", "gain": "2"},
        {"shape": "12,5,3"},
        {"shape": "16,4,1,2,3", "gain": "2"},
    ],
    "sparse": [{"shape": "33,7", "sparsity": "0.1"}, {"shape": "100,3", "sparsity": "0.995", "std": "2"}],
    "dirac": [{"shape": "6,3,3"}, {"shape": "6,3,3,4", "groups": "2"}, {"shape": "6,3,3", "gain": "0.1"}],
    "tril": [{"shape": "5,7"}, {"shape": "2,7,5", "diagonal": "-1"}, {"shape": "1,1,9,9", "diagonal": "3"}],
    "bilinear": [{"shape": "2,2,4,4"}, {"shape": "4,1,3,3"}, {"shape": "2,6,5,2"}],
    "sinusoidal": [
        {"shape": "33,8"},
        {"shape": "1500,6", "max_timescale": "100"},
        {"shape": "9,10", "layout": "interleaved", "max_timescale": "1e6"},
    ],
    "decay": [
        {"shape": "3,17,1", "rates": "[0.5,0.25,0]"},
        {"shape": "2,33,2", "rates": "[0.0390625,600]", "distance": "future"},
        {"shape": "1,2,9,7", "rates": "[0.7,0.001]", "distance": "between"},
        {"shape": "2,2,5,5", "rates": "[1e-30,1e30]", "distance": "between"},
    ],
    "power": [
        {"shape": "33"},
        {"shape": "1,1,1000", "a": "-5", "b": "3", "exponent": "0.7"},
        {"shape": "3,10", "a": "2", "b": "0.1", "exponent": "1000"},
        {"shape": "2,1", "a": "0.5", "exponent": "0.001"},
    ],
    "log_uniform": [{"shape": "33,7", "a": "0.001", "b": "0.1"}, {"shape": "1001", "a": "1e-300", "b": "1"}],
    "log_of_uniform": [{"shape": "33,7", "a": "0.01", "b": "16"}, {"shape": "9", "a": "1", "b": "1.5"}],
    "inverse_softplus_log_uniform": [
        {"shape": "33,7"},
        {"shape": "1001", "a": "1e-6", "b": "600", "floor": "0.01"},
    ],
    "rg_lru": [{"shape": "33,7"}, {"shape": "1001", "a": "1e-300", "b": "0.99999"}],
    "weight_norm": [
        {"shape": "7,1,1", "name": "w.original0", "of_shape": "[7,33,3]", "a": "-0.1", "b": "0.1"},
        {"shape": "1,1,5", "name": "w.original0", "of_shape": "[40,33,5]", "std": "0.02"},
        {"shape": "1,3,1", "of_shape": "[2,3,5]", "of": "v", "mean": "0.5", "std": "1"},
        {"shape": "", "of_shape": "[1100]", "std": "1"},
    ],
    "parts": [
        {"shape": "12", "parts": '[{"size":3,"init":"zeros"},{"size":3,"init":"ones"},{"init":"uniform"}]'},
        {"shape": "32,9", "parts": '[{"init":"orthogonal","repeat":4}]'},
        {"shape": "8,3,3,3", "parts": '[{"init":"kaiming_normal","copies":4}]'},
        {
            "shape": "5,17,2",
            "axis": "1",
            "parts": '[{"size":2,"init":"xavier_uniform","repeat":3},{"size":6,"init":"normal","copies":3},'
            '{"size":2,"init":"orthogonal"},{"size":3,"init":{"kind":"constant","value":-0.0}}]',
        },
        {
            "shape": "7,9",
            "axis": "-1",
            "parts": '[{"size":4,"init":{"kind":"sparse","sparsity":0.4},"repeat":2},'
            '{"init":"lecun_normal"}]',
        },
    ],
}


def vector(request: dict[str, str]) -> dict[str, Any]:
    """The request as a query, the digest of its file and its first elements, as hex of their bits."""
    file = open_file(parse_query(request, Limits()))
    content = file.read(0, file.size)
    entry = file.entries()[0]
    itemsize = entry.tensor.dtype.itemsize
    data = content[entry.start : entry.stop].tobytes()
    first = [data[i : i + itemsize][::-1].hex() for i in range(0, min(8 * itemsize, len(data)), itemsize)]
    return {
        "request": "/v1/weights?" + urlencode(request),
        "sha256": hashlib.sha256(content.tobytes()).hexdigest(),
        "tensor_sha256": hashlib.sha256(data).hexdigest(),
        "first": first,
    }


def requests() -> list[dict[str, str]]:
    """Every request that is pinned."""
    return [
        {"init": kind, "dtype": dtype.name, "seed": "42", **parameters}
        for kind, variants in REQUESTS.items()
        for parameters in variants
        for dtype in DTYPES.values()
        if dtype.mantissa_bits
    ]


def main() -> None:
    """Add missing vectors; write all of them anew only with `--overwrite`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--overwrite", action="store_true", help="accept changed bits: a new stream version")
    overwrite = parser.parse_args().overwrite
    frozen = {} if overwrite or not FILE.exists() else {v["request"]: v for v in json.loads(FILE.read_text())}
    vectors = [vector(request) for request in requests()]
    changed = [v["request"] for v in vectors if frozen.get(v["request"], v) != v]
    if changed:
        sys.exit("these bits changed, which stream v1 forbids:\n" + "\n".join(changed))
    FILE.write_text(json.dumps(vectors, indent=1) + "\n")
    print(f"{len(vectors)} vectors, {len(vectors) - len(frozen)} of them new")


if __name__ == "__main__":
    main()
