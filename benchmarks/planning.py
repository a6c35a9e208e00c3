"""Specs of 100,000 tensors: a brace range, written out, all shapes unlike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.compare import compare
from benchmarks.effort import Effort
from benchmarks.rows import Row, Target
from tensorseed.files.plan import plan_pieces
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec

TENSORS = 100_000
COLUMNS = 317  # of the largest shape: as many shapes as tensors


def planning(effort: Effort) -> Iterator[Row]:
    """Reading the spec, laying out the file, and writing the plan."""
    entry = {"type": "Tensor", "shape": [64, 64], "init": "xavier_uniform"}
    long = _spec({"name": f"t{i}", **entry} for i in range(TENSORS))
    short = _spec([{"name": f"t{{0..{TENSORS - 1}}}", **entry}])
    shapes = ([1 + i % COLUMNS, 1 + i // COLUMNS] for i in range(TENSORS))
    unlike = _spec({"name": f"t{i}", **entry, "shape": shape} for i, shape in enumerate(shapes))
    yield compare(
        f"lay out {TENSORS:,} tensors, one brace range",
        lambda: _open(short),
        "the same, each written out",
        lambda: _open(long),
        effort.rounds,
    )
    for name, spec in (("one brace range", short), ("each written out", long)):
        yield compare(
            f"from the text of a spec of {TENSORS:,} tensors, {name}, to the header of its file",
            partial(_open, spec),
            "`json.loads` of it, each written out",
            lambda: json.loads(long),
            effort.rounds,
            target=Target(3, maximum=True),
        )
    answer = _plan(unlike)
    yield compare(
        f"plan {TENSORS:,} tensors of {TENSORS:,} shapes",
        lambda: _plan(unlike),
        "`json.loads` and `json.dumps` of the plan",
        lambda: json.dumps(json.loads(answer)),
        effort.rounds,
        target=Target(4, maximum=True),
    )


def _spec(layers: Any) -> bytes:
    return json.dumps({"layers": [*layers]}).encode()


def _open(spec: bytes) -> VirtualFile:
    return open_file(parse_spec(spec, Limits()))


def _plan(spec: bytes) -> bytes:
    return b"".join(plan_pieces(_open(spec), None, None))
