"""Initialisation of sharded modules, in one of several fake processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.testing._internal.distributed.fake_pg import FakeStore

import tensorseed
import tensorseed.torch as ts
from tests.tensorseed.torch.equality import bits

RULES = [{"type": "Linear", "match": "weight", "init": "orthogonal"}, {"match": "scale", "init": "normal"}]
RANK, SIZE = 2, 4


@pytest.fixture(scope="module")
def mesh() -> Iterator[DeviceMesh]:
    dist.init_process_group("fake", store=FakeStore(), rank=RANK, world_size=SIZE)
    yield init_device_mesh("cpu", (SIZE,))
    dist.destroy_process_group()


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(10))
        self.up = nn.Linear(10, 9)
        self.down = nn.Linear(9, 10)
        self.norm = nn.BatchNorm1d(10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.norm(self.down(self.up(x))) * self.scale
        return out


def model(device: str = "cpu") -> Any:
    with torch.device(device):
        return nn.Sequential(Scaled(), nn.Embedding(7, 3, padding_idx=3), nn.MultiheadAttention(6, 2))


def sharded(mesh: DeviceMesh) -> Any:
    made = model("meta")
    for part in (*made, made):
        fully_shard(part, mesh=mesh)
    return made.to_empty(device="cpu")


def parallel(mesh: DeviceMesh) -> Any:
    made = model("meta")
    parallelize_module(made[0], mesh, {"up": ColwiseParallel(), "down": RowwiseParallel()})
    return made.to_empty(device="cpu")


@pytest.mark.parametrize("shard", [sharded, parallel])
def test_a_shard_is_a_part_of_the_whole(shard, mesh: DeviceMesh) -> None:
    whole, parts = model(), shard(mesh)
    report = ts.init_(whole, seed=8, rules=RULES)
    assert [*ts.init_(parts, seed=8, rules=RULES)] == [*report]
    compared = 0
    for name, tensor in parts.state_dict().items():
        expected = whole.state_dict()[name]
        if isinstance(tensor, dist.tensor.DTensor):
            (placement,) = tensor.placements
            local = tensor.to_local()
            if placement.is_shard():
                chunks = expected.chunk(SIZE, placement.dim)
                expected = chunks[RANK] if len(chunks) > RANK else expected[:0]
            compared += local.numel()
            assert torch.equal(bits(local), bits(expected)), name
        else:
            assert torch.equal(bits(tensor), bits(expected)), name
    assert compared
    assert tensorseed.spec_of(parts, seed=8, rules=RULES) == tensorseed.spec_of(whole, seed=8, rules=RULES)


@pytest.mark.parametrize("shard", [sharded, parallel])
def test_parts_of_a_shard_are_those_of_the_whole(shard, mesh: DeviceMesh) -> None:
    gates = {"kind": "parts", "parts": [{"size": 3, "init": "orthogonal", "repeat": 3}]}
    halves = {"kind": "parts", "axis": 1, "parts": [{"size": 4, "init": "zeros"}, {"init": "normal"}]}
    rules = [{"match": "0.up.weight", "init": gates}, {"match": "0.down.weight", "init": halves}, *RULES]
    whole, parts = model(), shard(mesh)
    ts.init_(whole, seed=8, rules=rules)
    ts.init_(parts, seed=8, rules=rules)
    for name in ("up", "down"):
        local, expected = getattr(parts[0], name).weight, getattr(whole[0], name).weight
        (placement,) = local.placements
        chunks = expected.chunk(SIZE, placement.dim)
        assert torch.equal(bits(local.to_local()), bits(chunks[RANK])), name


def test_gathered_parameters_are_sharded_first(mesh: DeviceMesh) -> None:
    parts = sharded(mesh)
    parts[0].unshard()
    assert not isinstance(parts[0].scale, dist.tensor.DTensor)
    ts.init_(parts, seed=8, rules=RULES)
    assert isinstance(parts[0].scale, dist.tensor.DTensor)
    whole = model()
    ts.init_(whole, seed=8, rules=RULES)
    assert torch.equal(parts[0].scale.to_local(), whole[0].scale.chunk(SIZE)[RANK])


def test_a_class_is_named_without_its_sharding(mesh: DeviceMesh) -> None:
    with pytest.raises(tensorseed.ModuleError, match=r'{"type": "Scaled", "match": "scale", "init": …}'):
        ts.init_(sharded(mesh))


class FullyShardedDataParallel(nn.Module):
    """FSDP1 needs a device that this host may lack."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._fsdp_wrapped_module = module


FullyShardedDataParallel.__module__ = "torch.distributed.fsdp.fully_sharded_data_parallel"


def test_flattened_parameters_are_refused() -> None:
    flat = nn.Sequential(FullyShardedDataParallel(nn.Linear(2, 2)))
    options: list[dict[str, Any]] = [{}, {"spec": {"layers": []}}]
    for given in options:
        with pytest.raises(tensorseed.ModuleError, match="0 is wrapped by FullyShardedDataParallel"):
            ts.init_(flat, **given)
