"""Sharded arrays on four host devices, against jax.random under jit.

`python -m benchmarks.sharding ELEMENTS ROUNDS` measures it: devices are set before jax computes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from benchmarks.compare import Work, in_turn, timed
from benchmarks.effort import Effort
from benchmarks.programs import missing
from benchmarks.rows import Row, Scale, Skipped, Target, compared

if TYPE_CHECKING:
    import jax

DEVICES = 4
KERNELS = 8
COLUMNS = 4_096
ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    # Pages as small as JAX's. A huge one costs a third of them, or five times as much in a virtual machine
    # that has given its free memory back to the host: 0.03 to 0.65 s for 256 MiB, against 0.13 s.
    "NUMPY_MADVISE_HUGEPAGE": "0",
}
LAYOUTS: dict[str, tuple[str | None, ...]] = {
    "rows": ("devices",),
    "columns": (None, "devices"),
    "replicas": (),
}


def sharding(effort: Effort) -> Iterator[Row]:
    """Every layout, both sides in turn in a process of their own."""
    absent = missing("jax")
    if absent:
        yield Skipped("sharded arrays against JAX", absent)
        return
    command = [sys.executable, "-m", "benchmarks.sharding", str(effort.elements), str(effort.rounds)]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ, **ENVIRONMENT})
    scale = Scale("M/s", effort.elements / 1e6)
    for layout, took in json.loads(run.stdout).items():
        name = f"`tensorseed.jax.init`, {layout} on {DEVICES} host devices"
        theirs = "`jax.random.normal` under jit, same shardings"
        yield compared(name, theirs, took["ours"], took["theirs"], scale, Target(3))


def main() -> None:
    """Print the seconds of every round as JSON."""
    import jax

    jax.config.update("jax_num_cpu_devices", DEVICES)  # type: ignore[no-untyped-call]
    elements, rounds = map(int, sys.argv[1:])
    mesh = jax.make_mesh((DEVICES,), ("devices",))
    took = {}
    for layout, axes in LAYOUTS.items():
        spec = jax.sharding.PartitionSpec(*axes)  # type: ignore[no-untyped-call]
        place = jax.sharding.NamedSharding(mesh, spec)
        sides = {"ours": ours(elements, place), "theirs": theirs(elements, place)}
        took[layout] = in_turn({name: timed(work) for name, work in sides.items()}, rounds)
    print(json.dumps(took))


def ours(elements: int, place: Any) -> Work:
    """All kernels of a spec, with a seed of its own for every call."""
    import tensorseed.jax as tj

    shape = [elements // KERNELS // COLUMNS, COLUMNS]
    layers = [{"name": f"{{1..{KERNELS}}}", "type": "Tensor", "shape": shape, "init": "normal"}]
    seeds = iter(range(64))
    return lambda: wait(tj.init({"seed": next(seeds), "layers": layers}, place).values())


def theirs(elements: int, place: Any) -> Work:
    """As many draws in one program, with a key of its own for every call."""
    import jax

    shape = (elements // KERNELS // COLUMNS, COLUMNS)

    def draw(key: jax.Array) -> list[jax.Array]:
        return [jax.random.normal(one, shape) for one in jax.random.split(key, KERNELS)]

    program, keys = jax.jit(draw, out_shardings=place), iter(jax.random.split(jax.random.key(42), 64))
    return lambda: wait(program(next(keys)))


def wait(arrays: Iterable[jax.Array]) -> None:
    """Wait until all arrays are computed."""
    for array in arrays:
        array.block_until_ready()


if __name__ == "__main__":
    main()
