"""The processes that lay a model out: `python -m … FOLDER`.

Each writes what it found about the layouts of which it is a part to `FOLDER/RANK.json`.
They are forked, since each would import torch for seconds.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import sys
import warnings
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.debug import CommDebugMode

from tests.tensorseed.torch.distributed.model import (
    LAYOUTS,
    STEPPING,
    Model,
    digests,
    initialise,
    initialise_by_torch,
    initialise_each,
    on_meta,
    spec,
)

PROCESSES = 4


def main(folder: Path, rank: int) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=PROCESSES)
    found = {}
    for name, (shape, _) in LAYOUTS.items():
        ranks = torch.arange(math.prod(shape)).view(shape)
        mesh = DeviceMesh("cpu", ranks, mesh_dim_names=("data", "tensor")[: len(shape)])
        if mesh.get_coordinate() is not None:
            found[name] = lay_out(name, mesh)
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


def lay_out(name: str, mesh: DeviceMesh) -> dict[str, Any]:
    _, parallelise = LAYOUTS[name]
    model = on_meta()
    parallelise(model, mesh)
    model.to_empty(device="cpu")
    state = torch.get_rng_state()
    each, communication = CommDebugMode(), CommDebugMode()
    with each:
        initialise_each(model)
    digests_of_each = digests(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(math.nan)
    with communication:
        initialise(model)
    found = {
        "digests": digests(model),
        "digests of each by itself": digests_of_each,
        "spec": spec(model),
        "collectives": communication.get_total_counts() + each.get_total_counts(),
        "random state is untouched": torch.equal(state, torch.get_rng_state()),
        "placements": {
            name: str(parameter.placements) if isinstance(parameter, DTensor) else "plain"
            for name, parameter in model.named_parameters()
        },
    }
    if name in STEPPING:
        output = model(torch.arange(8)).float()
        output.square().mean().backward()
        found["output"] = output.flatten().tolist()
        found["digests after backward"] = digests(model)
    initialise_by_torch(model)
    found["by torch"] = digests(model)
    return found


def launch(folder: Path) -> int:
    """Run the processes; the exit status of the first that fails ends all."""
    initialise(Model())  # loads the kernels once
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=main, args=(folder, rank)) for rank in range(PROCESSES)]
    for process in processes:
        process.start()
    left = {process.sentinel: process for process in processes}
    while left:
        for sentinel in wait(list(left)):
            process = left.pop(sentinel)
            process.join()
            if process.exitcode:
                for other in left.values():
                    other.kill()
                return 1
    return 0


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.exit(launch(Path(sys.argv[1])))
