"""Sparse and orthogonal matrices, whole and in part, against torch."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count

import numpy as np
import torch

from benchmarks.compare import compare, in_turn, timed
from benchmarks.effort import QUICK, Effort
from benchmarks.generation import CACHE
from benchmarks.machine import CORES
from benchmarks.rows import Row, Scale, Skipped, Target, compared
from tensorseed.sampling.distributions import Orthogonal, Sparse
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.executors.kernel_cache import compile_kernels
from tensorseed.sampling.philox import Stream

EXECUTOR = CompiledExecutor()
FLOAT32 = DTYPES["float32"]
SEEDS = count(1)  # a matrix of its own for every call, so that nothing has been prepared for it
BLOCK = 128  # rows that one thread fills at a time

Matrix = Orthogonal | Sparse


def matrices(effort: Effort) -> Iterator[Row]:
    """Square ones of both kinds, and thin orthogonal ones."""
    torch.set_num_threads(CORES)
    compile_kernels(CACHE)
    side = 512 if effort is QUICK else 2_048
    thin = [(8_192, 64), (2_048, 128)] if effort is QUICK else [(65_536, 64), (8_192, 512)]
    with ThreadPoolExecutor(CORES) as pool:
        yield _sparse(side, effort, pool)
        yield Skipped("generate sparse against JAX", "`jax.nn.initializers` has no such scheme")
        for shape in [(side, side), *thin]:
            yield from _orthogonal(*shape, effort, pool)


def whole(what: Matrix, out: np.ndarray, pool: ThreadPoolExecutor) -> None:
    """All elements of a matrix that nobody has drawn yet."""
    draw = Stream(next(SEEDS), "weight")

    def rows(first: int) -> None:
        start = first * what.columns
        EXECUTOR.fill(what, FLOAT32, draw, start, out[start : start + BLOCK * what.columns])

    list(pool.map(rows, range(0, what.rows, BLOCK)))


def part(what: Matrix, seed: int) -> None:
    """16 rows from the middle."""
    first = what.rows // 2 * what.columns
    out = np.empty(16 * what.columns, np.float32)
    EXECUTOR.fill(what, FLOAT32, Stream(seed, "weight"), first, out)


def _sparse(side: int, effort: Effort, pool: ThreadPoolExecutor) -> Row:
    what, tensor = Sparse(side, side, -(-side // 10), 0.01), torch.zeros(side, side)
    out = np.zeros(side * side, np.float32)
    return compare(
        f"generate sparse, float32, {side}×{side}",
        lambda: whole(what, out, pool),
        "`torch.nn.init.sparse_`",
        lambda: torch.nn.init.sparse_(tensor, 0.1),
        effort.rounds * 2 + 1,
        Scale("M/s", side * side / 1e6),
        Target(4),
    )


def _orthogonal(rows: int, columns: int, effort: Effort, pool: ThreadPoolExecutor) -> Iterator[Row]:
    what, tensor = Orthogonal(rows, columns, 1.0), torch.zeros(rows, columns)
    out = np.zeros(rows * columns, np.float32)
    took = in_turn(
        {
            "whole": timed(lambda: whole(what, out, pool)),
            "first": timed(lambda: part(what, next(SEEDS))),
            "later": timed(partial(part, what, 0)),
            "torch": timed(lambda: torch.nn.init.orthogonal_(tensor)),
        },
        effort.rounds,
    )
    theirs = "`torch.nn.init.orthogonal_`"
    yield compared(f"generate orthogonal, float32, {rows}×{columns}", theirs, took["whole"], took["torch"])
    yield compared("16 rows of it, the first time", f"{theirs}, the whole", took["first"], took["torch"])
    yield compared("16 rows of it, later", f"{theirs}, the whole", took["later"], took["torch"])
