"""Generation against torch.nn.init, ranges against their offset, planning, losses; on all cores."""

from __future__ import annotations

import json
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import torch

from benchmarks.compare import HEADER, Comparison, compare
from benchmarks.losses import losses
from service.core.distributions import Distribution, Normal, Orthogonal, Sparse, TruncNormal, Uniform
from service.core.dtypes import DTYPES
from service.core.executors.compiled import CompiledExecutor
from service.core.limits import Limits
from service.core.philox import Stream
from service.core.safetensors_file import open_file
from service.core.spec import parse_spec

ELEMENTS = 1 << 26
CHUNK = 1 << 18
RESULTS = Path(__file__).parent / "results"
CORES = len(os.sched_getaffinity(0))
EXECUTOR = CompiledExecutor()
FLOAT32 = DTYPES["float32"]


def generate(what: Distribution, dtype_name: str, pool: ThreadPoolExecutor) -> None:
    """All elements, chunk by chunk into memory that is used again, as a download does."""
    dtype, stream = DTYPES[dtype_name], Stream(42, "weight")

    def chunk(first: int) -> None:
        EXECUTOR.fill(what, dtype, stream, first, np.empty(CHUNK, dtype.storage))

    list(pool.map(chunk, range(0, ELEMENTS, CHUNK)))


def generation(pool: ThreadPoolExecutor) -> list[Comparison]:
    """Each distribution against torch's own initialiser, both on all cores."""
    float32, bfloat16 = torch.empty(ELEMENTS), torch.empty(ELEMENTS, dtype=torch.bfloat16)
    init = torch.nn.init
    works = [
        ("normal", Normal(0, 1), "float32", "normal_", lambda: init.normal_(float32)),
        ("uniform", Uniform(0, 1), "float32", "uniform_", lambda: init.uniform_(float32)),
        (
            "trunc_normal",
            TruncNormal(0, 1, -2, 2),
            "float32",
            "trunc_normal_",
            lambda: init.trunc_normal_(float32),
        ),
        ("normal", Normal(0, 1), "bfloat16", "normal_", lambda: init.normal_(bfloat16)),
    ]
    return [
        compare(
            f"generate {name}, {dtype}, {ELEMENTS:,} elements",
            lambda what=what, dtype=dtype: generate(what, dtype, pool),
            f"torch.nn.init.{torch_name}",
            theirs,
            rounds=5,
        )
        for name, what, dtype, torch_name, theirs in works
    ]


def structured(pool: ThreadPoolExecutor) -> list[Comparison]:
    """Matrices of 2048×2048 on all cores, and 16 rows of an orthogonal one against the whole of it."""
    size, float32, stream = 2048, DTYPES["float32"], Stream(42, "weight")
    tensor = torch.empty(size, size)

    def rows(what: Distribution, first: int, count: int) -> None:
        EXECUTOR.fill(what, float32, stream, first * size, np.empty(count * size, np.float32))

    def whole(what: Distribution) -> None:
        list(pool.map(lambda first: rows(what, first, 128), range(0, size, 128)))

    orthogonal, sparse = Orthogonal(size, size, 1.0), Sparse(size, size, 205, 0.01)
    return [
        compare(
            "generate orthogonal, float32, 2048×2048",
            lambda: whole(orthogonal),
            "torch.nn.init.orthogonal_",
            lambda: torch.nn.init.orthogonal_(tensor),
            rounds=5,
        ),
        compare(
            "16 rows of it",
            lambda: rows(orthogonal, 1000, 16),
            "the whole",
            lambda: whole(orthogonal),
            rounds=5,
        ),
        compare(
            "generate sparse, float32, 2048×2048",
            lambda: whole(sparse),
            "torch.nn.init.sparse_",
            lambda: torch.nn.init.sparse_(tensor, 0.1),
            rounds=5,
        ),
    ]


def thin(pool: ThreadPoolExecutor) -> list[Comparison]:
    """Thin orthogonal matrices on all cores: the whole, and 16 rows of it, first and later.

    Every round draws a matrix of its own, so that nothing has been prepared for it.
    """
    seeds = count(1)

    def fill(what: Orthogonal, seed: int, first: int, elements: int) -> None:
        EXECUTOR.fill(what, FLOAT32, Stream(seed, "weight"), first, np.empty(elements, np.float32))

    def whole(what: Orthogonal) -> None:
        seed, size = next(seeds), what.rows * what.columns
        list(pool.map(lambda first: fill(what, seed, first, CHUNK), range(0, size, CHUNK)))

    def rows(what: Orthogonal, seed: int) -> None:
        fill(what, seed, 1000 * what.columns, 16 * what.columns)

    comparisons = []
    for what in (Orthogonal(65_536, 64, 1.0), Orthogonal(8_192, 512, 1.0)):
        shape = f"{what.rows}×{what.columns}"
        tensor = torch.empty(what.rows, what.columns)
        theirs = partial(torch.nn.init.orthogonal_, tensor)
        works = [
            (f"generate orthogonal, float32, {shape}", partial(whole, what)),
            ("16 rows of it, the first time", lambda what=what: rows(what, next(seeds))),
            ("16 rows of it, later", partial(rows, what, 0)),
        ]
        comparisons += [
            compare(name, ours, "torch.nn.init.orthogonal_, the whole", theirs, rounds=9)
            for name, ours in works
        ]
    return comparisons


def ranges() -> list[Comparison]:
    """1 MiB from the start of a tebibyte, against 1 MiB from anywhere."""
    spec = {"layers": [{"name": "w.{0..511}", "type": "Tensor", "shape": [16384, 32768], "init": "normal"}]}
    file = open_file(parse_spec(json.dumps(spec).encode(), Limits()))
    start, length = len(file.header), 1 << 20
    anywhere = iter(np.random.default_rng(0).integers(start, file.size - length, 1_000).tolist())

    def read(offset: int) -> None:
        file.read(offset, offset + length, EXECUTOR)

    return [
        compare(
            "read 1 MiB of 1 TiB at random offsets",
            lambda: read(next(anywhere)),
            "the same at offset 0",
            lambda: read(start),
            rounds=301,
        )
    ]


def planning() -> list[Comparison]:
    """100,000 tensors, each written out, against one brace range."""
    entry = {"type": "Tensor", "shape": [64, 64], "init": "xavier_uniform"}
    long = json.dumps({"layers": [{"name": f"t{i}", **entry} for i in range(100_000)]}).encode()
    short = json.dumps({"layers": [{"name": "t{0..99999}", **entry}]}).encode()
    return [
        compare(
            "lay out 100,000 tensors, one brace range",
            lambda: open_file(parse_spec(short, Limits())),
            "the same, each written out",
            lambda: open_file(parse_spec(long, Limits())),
            rounds=5,
        )
    ]


def main() -> None:
    """Print the table and write it as JSON."""
    torch.set_num_threads(CORES)
    with ThreadPoolExecutor(CORES) as pool:
        comparisons = [*generation(pool), *structured(pool), *thin(pool), *ranges(), *planning()]
    over_http, memory = losses()
    comparisons += over_http
    machine = {"processor": processor(), "cores": CORES, "torch": torch.__version__}
    print(f"{machine['processor']}, {CORES} cores, torch {machine['torch']}\n")
    print(HEADER)
    for comparison in comparisons:
        print(comparison.row())
    print(f"\n{memory}")
    RESULTS.mkdir(exist_ok=True)
    result = {"machine": machine, "comparisons": [asdict(c) for c in comparisons], "memory": memory}
    (RESULTS / "latest.json").write_text(json.dumps(result, indent=1) + "\n")


def processor() -> str:
    """The processor's name, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if cpuinfo.exists()
        else []
    )
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
