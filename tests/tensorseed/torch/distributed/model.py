"""A model, its initialisation, and its layouts over processes."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import tensorseed
import tensorseed.torch as ts

SEED = 42
UNEVEN = 1001
INITS = {
    "embed.weight": {"kind": "normal", "std": 0.02},
    "up.weight": {"kind": "kaiming_uniform", "mode": "fan_out"},
    "up.bias": {"kind": "uniform", "a": -0.1, "b": 0.1},
    "down.weight": {"kind": "xavier_normal"},
    "down.bias": {"kind": "zeros"},
    "norm.weight": {"kind": "ones"},
    "norm.bias": {"kind": "normal"},
    "head.weight": {"kind": "orthogonal"},
}


class Model(nn.Module):
    """An embedding and layers of a dimension that no number of processes divides."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(UNEVEN, 40)
        self.up = nn.Linear(40, UNEVEN)
        self.down = nn.Linear(UNEVEN, 40)
        self.norm = nn.LayerNorm(40)
        self.head = nn.Linear(40, 30, bias=False)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.down(self.up(self.embed(numbers)).relu())))


def on_meta() -> Model:
    with torch.device("meta"):
        return Model()


def rules(model: nn.Module) -> list[dict[str, Any]]:
    return [{"match": name, "init": INITS[name]} for name, _ in model.named_parameters()]


def spec(model: nn.Module) -> dict[str, Any]:
    return tensorseed.spec_of(model, seed=SEED, rules=rules(model))


def initialise(model: nn.Module) -> None:
    ts.init_(model, seed=SEED, rules=rules(model))


def initialise_each(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        ts.fill_(parameter, INITS[name], name=name, seed=SEED)


def initialise_by_torch(model: nn.Module) -> None:
    torch.manual_seed(SEED)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "DTensor random operators may not have complete support")
        for parameter in model.parameters():
            nn.init.normal_(parameter)


def digests(model: nn.Module) -> dict[str, str]:
    """SHA-256 of every whole parameter."""
    with torch.no_grad():
        wholes = {
            name: parameter.full_tensor() if isinstance(parameter, DTensor) else parameter
            for name, parameter in model.named_parameters()
        }
    return {name: digest(whole) for name, whole in wholes.items()}


def digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.detach().contiguous().view(torch.uint8).numpy()).hexdigest()


def tensor_parallel(model: nn.Module, mesh: DeviceMesh) -> None:
    parallelize_module(
        model, mesh, {"embed": RowwiseParallel(), "up": ColwiseParallel(), "down": RowwiseParallel()}
    )


def plain(model: nn.Module, mesh: DeviceMesh) -> None:
    """Leave every parameter whole."""


def fsdp(model: nn.Module, mesh: DeviceMesh) -> None:
    fully_shard(model.up, mesh=mesh)
    fully_shard(model, mesh=mesh)


def fsdp_and_tensor_parallel(model: nn.Module, mesh: DeviceMesh) -> None:
    tensor_parallel(model, mesh["tensor"])
    fsdp(model, mesh["data"])


def hybrid(model: nn.Module, mesh: DeviceMesh) -> None:
    """FSDP within groups that replicate each other."""
    fully_shard(model, mesh=mesh)


def mixed_precision(model: nn.Module, mesh: DeviceMesh) -> None:
    fully_shard(model, mesh=mesh, mp_policy=MixedPrecisionPolicy(param_dtype=torch.bfloat16))


def bfloat16(model: nn.Module, mesh: DeviceMesh) -> None:
    model.to(torch.bfloat16)
    fsdp(model, mesh)


def pipeline(model: nn.Module, mesh: DeviceMesh) -> None:
    """Keep the children of this process's stage alone."""
    stages = [["embed"], ["up", "down"], ["norm", "head"]]
    for name, _ in [*model.named_children()]:
        if name not in stages[mesh.get_local_rank()]:
            delattr(model, name)


Layout = tuple[tuple[int, ...], Callable[[nn.Module, DeviceMesh], None]]

LAYOUTS: dict[str, Layout] = {
    "plain": ((1,), plain),
    "FSDP2 on 1": ((1,), fsdp),
    "FSDP2 on 2": ((2,), fsdp),
    "FSDP2 on 3": ((3,), fsdp),
    "TP on 2": ((2,), tensor_parallel),
    "TP on 3": ((3,), tensor_parallel),
    "FSDP2 × TP on 4": ((2, 2), fsdp_and_tensor_parallel),
    "HSDP on 4": ((2, 2), hybrid),
    "pipeline of 3": ((3,), pipeline),
    "FSDP2 on 2, mixed precision": ((2,), mixed_precision),
    "FSDP2 on 3, bfloat16": ((3,), bfloat16),
}

STEPPING = [name for name in LAYOUTS if "TP" not in name and "pipeline" not in name]
"""Layouts that compute: torch's tensor parallel layers do not on an uneven dimension."""
