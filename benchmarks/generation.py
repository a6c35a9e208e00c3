"""Generation in process against torch.nn.init and JAX under jit.

Torch fills memory that it has filled before. Ours is measured twice: into the whole tensor as torch does,
which is the row with the target, and into a few chunks that are used again, as a download does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.compare import Measure, in_turn, timed
from benchmarks.effort import Effort
from benchmarks.machine import CORES
from benchmarks.programs import missing
from benchmarks.rows import Row, Scale, Skipped, Target, compared
from service.worker.chunks import MAX_GROWTH
from tensorseed.sampling.distributions import Distribution, Normal, TruncNormal, Uniform
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.executors.kernel_cache import compile_kernels
from tensorseed.sampling.philox import Stream

CHUNK = MAX_GROWTH << 20  # bytes, as the service's for a client that keeps up
COLUMNS = 4_096
EXECUTOR = CompiledExecutor()
STREAM = Stream(42, "weight")
CACHE = Path("~/.cache/tensorseed").expanduser()
JAX = Target(8)

Init = Callable[[torch.Tensor], object]


@dataclass(frozen=True)
class Kind:
    """One scheme in one dtype, by its name in torch and in JAX."""

    name: str
    dtype: str
    init: Init
    jax: str
    least: float

    def distribution(self, rows: int) -> Distribution:
        """What torch's initialiser draws from."""
        bound = (6 / (rows + COLUMNS)) ** 0.5
        distributions: dict[str, Distribution] = {
            "normal": Normal(0.0, 1.0),
            "uniform": Uniform(0.0, 1.0),
            "xavier_uniform": Uniform(-bound, bound),
            "trunc_normal": TruncNormal(0.0, 1.0, -2.0, 2.0),
        }
        return distributions[self.name]


KINDS = [
    Kind("normal", "float32", torch.nn.init.normal_, "jax.random.normal", 5),
    Kind("uniform", "float32", torch.nn.init.uniform_, "jax.random.uniform", 4),
    Kind(
        "xavier_uniform",
        "float32",
        torch.nn.init.xavier_uniform_,
        "jax.nn.initializers.glorot_uniform",
        4,
    ),
    Kind("trunc_normal", "float32", torch.nn.init.trunc_normal_, "jax.random.truncated_normal", 25),
    Kind("normal", "bfloat16", torch.nn.init.normal_, "jax.random.normal", 4),
]


def generation(effort: Effort) -> Iterator[Row]:
    """Every kind, all sides in turn."""
    torch.set_num_threads(CORES)
    compile_kernels(CACHE)
    absent = missing("jax")
    if absent:
        yield Skipped("generation against JAX", absent)
    with ThreadPoolExecutor(CORES) as pool:
        for kind in KINDS:
            yield from _kind(kind, effort, pool, with_jax=absent is None)


def _kind(kind: Kind, effort: Effort, pool: ThreadPoolExecutor, with_jax: bool) -> Iterator[Row]:
    shape = (effort.elements // COLUMNS, COLUMNS)
    what = kind.distribution(shape[0])
    tensor = torch.zeros(shape, dtype=getattr(torch, kind.dtype))
    out = np.zeros(effort.elements, DTYPES[kind.dtype].storage)
    sides: dict[str, Measure] = {
        "whole": timed(lambda: fill(what, kind.dtype, out, pool)),
        "chunks": timed(lambda: stream(what, kind.dtype, out.size, pool)),
        "torch": timed(lambda: kind.init(tensor)),
    }
    if with_jax:
        sides["jax"] = timed(compiled(kind, shape))
    took = in_turn(sides, effort.rounds)
    scale, name = Scale("M/s", effort.elements / 1e6), f"generate {kind.name}, {kind.dtype}"
    theirs, target = f"`torch.nn.init.{kind.name}_`", Target(kind.least)
    yield compared(name, theirs, took["whole"], took["torch"], scale, target)
    yield compared(f"{name}, into chunks used again", theirs, took["chunks"], took["torch"], scale)
    if with_jax:
        yield compared(name, f"`{kind.jax}` under jit", took["whole"], took["jax"], scale, JAX)


def fill(what: Distribution, dtype: str, out: Any, pool: ThreadPoolExecutor) -> None:
    """All elements of an array, chunk by chunk in the pool's threads."""
    count = CHUNK // out.itemsize

    def chunk(first: int) -> None:
        EXECUTOR.fill(what, DTYPES[dtype], STREAM, first, out[first : first + count])

    list(pool.map(chunk, range(0, out.size, count)))


def stream(what: Distribution, dtype: str, size: int, pool: ThreadPoolExecutor) -> None:
    """As many elements, every thread into one chunk of its own again and again."""
    storage = DTYPES[dtype].storage
    count = CHUNK // np.dtype(storage).itemsize
    chunks = [np.empty(count, storage) for _ in range(CORES)]

    def thread(number: int) -> None:
        for first in range(number * count, size, CORES * count):
            EXECUTOR.fill(what, DTYPES[dtype], STREAM, first, chunks[number])

    list(pool.map(thread, range(CORES)))


def compiled(kind: Kind, shape: tuple[int, int]) -> Callable[[], object]:
    """What JAX's jit makes of the same on the CPU; a key of its own for every call."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    dtype = getattr(jax.numpy, kind.dtype)
    draws: dict[str, Callable[[Any], Any]] = {
        "normal": lambda key: jax.random.normal(key, shape, dtype),
        "uniform": lambda key: jax.random.uniform(key, shape, dtype),
        "xavier_uniform": lambda key: jax.nn.initializers.glorot_uniform()(key, shape, dtype),
        "trunc_normal": lambda key: jax.random.truncated_normal(key, -2.0, 2.0, shape, dtype),
    }
    draw, keys = jax.jit(draws[kind.name]), iter(jax.random.split(jax.random.key(42), 64))
    return lambda: draw(next(keys)).block_until_ready()
