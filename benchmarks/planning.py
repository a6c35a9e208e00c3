"""Files of 100,000 tensors: each written out, against one brace range."""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmarks.compare import compare
from benchmarks.effort import Effort
from benchmarks.rows import Row
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec

TENSORS = 100_000


def planning(effort: Effort) -> Iterator[Row]:
    """Reading the spec and laying out the file."""
    entry = {"type": "Tensor", "shape": [64, 64], "init": "xavier_uniform"}
    long = json.dumps({"layers": [{"name": f"t{i}", **entry} for i in range(TENSORS)]}).encode()
    short = json.dumps({"layers": [{"name": f"t{{0..{TENSORS - 1}}}", **entry}]}).encode()
    yield compare(
        f"lay out {TENSORS:,} tensors, one brace range",
        lambda: open_file(parse_spec(short, Limits())),
        "the same, each written out",
        lambda: open_file(parse_spec(long, Limits())),
        effort.rounds,
    )
