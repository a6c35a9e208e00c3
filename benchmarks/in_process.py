"""Initialisation of modules in place, whole and sharded, against torch."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

import tensorseed.torch as ts
from benchmarks.compare import compare, in_turn, seconds, timed
from benchmarks.effort import Effort
from benchmarks.generation import CACHE
from benchmarks.machine import CORES
from benchmarks.rows import Comparison, Reading, Row, Scale, Target, compared
from tensorseed.sampling.executors.kernel_cache import compile_kernels

SIDE = 4_096  # of the square matrices of a model
SHARDS = 8
SMALL = (64, 128)  # features of each of 5,000 layers
RULES = [{"match": "**", "init": "normal"}]
THEIRS = "`torch.nn.init.normal_` of each parameter"

Init = Callable[[nn.Module], object]


def in_process(effort: Effort) -> Iterator[Row]:
    """A model of 16 times as many parameters as a tensor of other sections has: 1 G in a full run."""
    torch.set_num_threads(CORES)
    compile_kernels(CACHE)
    layers = max(1, 16 * effort.elements // SIDE**2)
    yield from _touched(layers, torch.float32, effort, Target(6))
    yield from _from_meta(layers, effort)
    yield from _touched(layers, torch.bfloat16, effort, Target(5))
    yield from _shards(layers, effort)
    for features in SMALL:
        yield _small(features, effort)
    yield _importing(effort)


def model(layers: int) -> nn.Module:
    """Square matrices, without memory."""
    with torch.device("meta"):
        return nn.Sequential(*(nn.Linear(SIDE, SIDE, bias=False) for _ in range(layers)))


def ours(module: nn.Module) -> None:
    """Draw normals by `init_`."""
    ts.init_(module, seed=42, rules=RULES)


def theirs(module: nn.Module) -> None:
    """Draw normals by torch."""
    for parameter in module.parameters():
        nn.init.normal_(parameter)


def _scale(module: nn.Module) -> Scale:
    return Scale("M/s", sum(parameter.numel() for parameter in module.parameters()) / 1e6)


def _named(module: nn.Module) -> str:
    count = sum(parameter.numel() for parameter in module.parameters())
    return f"`init_` of {count / 2**20:,.0f} Mi parameters"


def _touched(layers: int, dtype: torch.dtype, effort: Effort, target: Target) -> Iterator[Comparison]:
    """The same memory is filled again and again."""
    module = model(layers).to(dtype).to_empty(device="cpu")
    name = f"{_named(module)}, {str(dtype).removeprefix('torch.')}"
    work = (lambda: ours(module)), (lambda: theirs(module))
    yield compare(name, work[0], THEIRS, work[1], effort.rounds, _scale(module), target)


def _from_meta(layers: int, effort: Effort) -> Iterator[Comparison]:
    """Memory fresh from the system, until it is filled, and until the first step of training."""
    virtual = model(layers)
    name = f"{_named(virtual)} from meta, float32"

    def filled(init: Init) -> nn.Module:
        module = model(layers).to_empty(device="cpu")
        init(module)
        return module

    yield compare(
        name,
        lambda: filled(ours),
        THEIRS,
        lambda: filled(theirs),
        effort.rounds,
        _scale(virtual),
        Target(3),
    )

    def stepped(init: Init) -> None:
        module = filled(init)
        module(torch.ones(1, SIDE)).sum().backward()
        torch.optim.SGD(module.parameters(), 0.1).step()

    yield compare(
        "the same until the first step of SGD", lambda: stepped(ours), THEIRS, lambda: stepped(theirs), 3
    )


def _shards(layers: int, effort: Effort) -> Iterator[Comparison]:
    """One of 8 shards, of FSDP by rows and of tensor parallelism by columns, eight times over."""
    whole = model(layers).to_empty(device="cpu")
    with _one_of_many():
        sides = {"whole": whole, "rows": _sharded(layers, 0), "columns": _sharded(layers, 1)}
        took = in_turn(
            {name: timed(lambda module=module: ours(module)) for name, module in sides.items()},  # type: ignore[misc]
            2 * effort.rounds + 1,
        )
    for name in ("rows", "columns"):
        eightfold = [SHARDS * second for second in took[name]]
        yield compared(
            f"`init_` of one of {SHARDS} shards by {name}, {SHARDS} times",
            "`init_` of the whole",
            eightfold,
            took["whole"],
            target=Target(1.15, maximum=True),
        )


@contextmanager
def _one_of_many() -> Iterator[None]:
    """A process group of which only this rank exists: nothing is communicated."""
    from torch.testing._internal.distributed.fake_pg import FakeStore

    torch.distributed.init_process_group("fake", rank=3, world_size=SHARDS, store=FakeStore())
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def _sharded(layers: int, dim: int) -> nn.Module:
    """The model as a rank has it, each matrix sharded along a dimension, its own part in memory."""
    from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
    from torch.distributed.tensor import Shard, distribute_module, distribute_tensor

    def shard(_: str, module: nn.Module, mesh: DeviceMesh) -> None:
        for name, parameter in module.named_parameters(recurse=False):
            part = distribute_tensor(parameter, mesh, [Shard(dim)])
            module.register_parameter(name, nn.Parameter(part))

    mesh = init_device_mesh("cpu", (SHARDS,))
    return distribute_module(model(layers), mesh, shard).to_empty(device="cpu")


def _small(features: int, effort: Effort) -> Comparison:
    """10,000 tensors, on both sides with the default of `nn.Linear`."""
    module = nn.ModuleList(nn.Linear(features, features) for _ in range(5_000))

    def reset() -> None:
        for layer in module:
            assert isinstance(layer, nn.Linear)
            layer.reset_parameters()

    return compare(
        f"`init_` of 10,000 parameters, of `Linear({features}, {features})`",
        lambda: ts.init_(module, seed=42),
        "`reset_parameters` of each layer",
        reset,
        2 * effort.rounds + 1,
        target=Target(2),
    )


def _importing(effort: Effort) -> Reading:
    """Seconds of `import tensorseed`, beyond those of an interpreter that does nothing."""

    def run(program: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", program], check=True))

    took = in_turn(
        {"with": lambda: run("import tensorseed"), "without": lambda: run("pass")}, 2 * effort.rounds + 1
    )
    differences = [a - b for a, b in zip(took["with"], took["without"], strict=True)]
    return Reading("`import tensorseed`", statistics.median(differences), "s", Target(0.15, maximum=True))
