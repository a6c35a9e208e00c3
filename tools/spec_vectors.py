"""Complete the frozen vectors of specs.json and elements.json.

To add a vector, append an object with `about` and what is requested; this computes the rest. It stops at
anything that differs from what is frozen, which only a new stream version justifies (`--overwrite`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tensorseed.files.elements import DrawnElements
from tensorseed.files.shards import open_shard
from tensorseed.files.virtual_file import VirtualFile, open_file, open_slice
from tensorseed.sampling.executors.base import Executor
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import encode_token
from tools.annexes.documents import laid_out

FOLDER = Path(__file__).parents[1] / "tests" / "vectors"
REQUESTED = ("about", "spec", "tensor", "slice", "shard", "first", "count")
FIRST = 8  # elements that are written out

Vector = dict[str, Any]


def opened(vector: Vector) -> VirtualFile:
    """The file of a vector of `specs.json`: of a spec, of a slice or of a shard."""
    resolved = parse_spec(json.dumps(vector["spec"]).encode(), Limits())
    if "shard" in vector:
        return open_shard(resolved, [t for t in resolved.tensors if t.name in vector["shard"]])
    file = open_file(resolved)
    return open_slice(file, vector["tensor"], vector["slice"]) if "slice" in vector else file


def file_vector(vector: Vector, executor: Executor) -> Vector:
    """What is frozen of a file."""
    file = opened(vector)
    content = file.read(0, file.size, DrawnElements(file.resolved, executor)).tobytes()
    return {
        "recipe": file.resolved.recipe,
        "token": encode_token(file.resolved),
        "etag": file.digest,
        "sha256": hashlib.sha256(content).hexdigest(),
        "tensors": [
            _tensor(entry.tensor.name, content[entry.start : entry.stop], entry.tensor.dtype.itemsize)
            for entry in file.entries()
        ],
    }


def _tensor(name: str, data: bytes, itemsize: int) -> Vector:
    first = _hex(data[: FIRST * itemsize], itemsize)
    return {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "first": first}


def _hex(data: bytes, itemsize: int) -> list[str]:
    return [data[i : i + itemsize][::-1].hex() for i in range(0, len(data), itemsize)]


def elements_vector(vector: Vector, executor: Executor, *, gathered: bool = False) -> Vector:
    """What is frozen of consecutive elements of a spec's only tensor."""
    resolved = parse_spec(json.dumps(vector["spec"]).encode(), Limits())
    (tensor,) = resolved.tensors
    out = np.empty(vector["count"], tensor.dtype.storage)
    what = (tensor.distribution, tensor.dtype, tensor.stream_of(resolved.seed))
    if gathered:
        elements = np.arange(vector["first"], vector["first"] + vector["count"], dtype=np.int64)
        executor.gather(*what, elements, out)
    else:
        executor.fill(*what, vector["first"], out)
    return {"elements": _hex(out.tobytes(), tensor.dtype.itemsize)}


FILES: dict[str, Callable[[Vector, Executor], Vector]] = {
    "specs.json": file_vector,
    "elements.json": elements_vector,
}


def main() -> None:
    """Complete both files; change what is frozen only with `--overwrite`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--overwrite", action="store_true", help="accept changed bits: a new stream version")
    overwrite = parser.parse_args().overwrite
    for name, computed in FILES.items():
        path = FOLDER / name
        vectors = json.loads(path.read_text(encoding="utf-8"))
        complete = []
        for vector in vectors:
            requested = {key: vector[key] for key in REQUESTED if key in vector}
            found = {**requested, **computed(vector, CompiledExecutor())}
            if vector not in (requested, found) and not overwrite:
                sys.exit(f"these bits changed, which stream v1 forbids: {vector['about']}")
            complete.append(found)
        path.write_text(laid_out(complete), encoding="utf-8")
        print(f"{name}: {len(complete)} vectors")


if __name__ == "__main__":
    main()
