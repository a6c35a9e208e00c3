"""Boxes of DTensors against the elements that torch gives to each process.

One process takes the place of each of many, in a process group whose collectives do nothing.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint.planner_helpers  # refers to the function that a test removes
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Partial, Placement, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.placement_types import _StridedShard
from torch.testing._internal.distributed.fake_pg import FakeStore

from tensorseed.errors import TensorError
from tensorseed.torch import shards
from tensorseed.torch.shards import pieces
from tests.tensorseed.torch.fake_processes import LAYOUTS, process


@pytest.fixture(autouse=True)
def _nothing_remembered():
    shards._agreeing.clear()


def numbered(*shape: int) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel()).view(shape)


def located(tensor: DTensor) -> torch.Tensor:
    """The local shard, filled with each element's number in the whole as its boxes say."""
    whole, local = numbered(*tensor.shape).to(tensor.dtype), torch.full_like(tensor.to_local(), -1)
    for box, part in pieces(DTensor(local, tensor._spec, requires_grad=False)):
        part.copy_(whole[tuple(slice(a, a + n) for a, n in zip(box.starts, box.shape, strict=True))])
    return local


@pytest.mark.parametrize(("mesh", "shape", "placements"), LAYOUTS, ids=str)
def test_every_element_is_where_torch_puts_it(
    mesh: tuple[int, ...], shape: tuple[int, ...], placements: tuple[Placement, ...]
):
    for rank in range(int(torch.tensor(mesh).prod())):
        with process(rank, mesh) as devices:
            tensor = distribute_tensor(numbered(*shape), devices, placements, src_data_rank=None)
            assert torch.equal(located(tensor), tensor.to_local()), rank


class Numbered(torch.nn.Module):
    """Tensor parallel layers whose weights hold the numbers of their elements."""

    def __init__(self, inside: int, mesh: DeviceMesh) -> None:
        super().__init__()
        placements = {(inside, 6): Shard(0), (inside,): Shard(0), (6, inside): Shard(1), (6,): Replicate()}
        for i, (shape, placement) in enumerate(placements.items()):
            whole = numbered(*shape).float()
            self.register_parameter(
                f"p{i}", torch.nn.Parameter(distribute_tensor(whole, mesh, [placement], src_data_rank=None))
            )


@pytest.mark.parametrize(
    ("mesh", "inside"),
    [*itertools.product([(2, 2), (2, 4), (4, 2), (3, 4)], [3, 27, 64, 101]), ((8, 8), 101)],
)
def test_fully_shard_of_tensor_parallel_layers(mesh: tuple[int, int], inside: int):
    for rank in range(mesh[0] * mesh[1]):
        with process(rank, mesh) as devices:
            data, tensors = (devices[name] for name in devices.mesh_dim_names)
            module = Numbered(inside, tensors)
            fully_shard(module, mesh=data)
            for parameter in module.parameters():
                assert torch.equal(located(parameter.data), parameter.to_local()), rank


def test_partial_sums_are_refused():
    with process(0, (2,)) as mesh, pytest.raises(TensorError, match="redistribute"):
        pieces(DTensor.from_local(torch.zeros(3), mesh, [Partial()], run_check=False))


def test_a_process_outside_of_the_mesh_has_no_piece():
    dist.init_process_group("fake", store=FakeStore(), rank=3, world_size=4)
    try:
        mesh = DeviceMesh("cpu", [0, 1])
        assert pieces(distribute_tensor(numbered(4, 2), mesh, [Shard(0)], src_data_rank=None)) == []
    finally:
        dist.destroy_process_group()


def test_a_local_tensor_of_another_shape_is_refused():
    with process(0, (2,)) as mesh, pytest.raises(TensorError, match="distribute the tensor anew"):
        pieces(DTensor.from_local(torch.zeros(3), mesh, [Shard(0)], run_check=False, shape=(9,), stride=(1,)))


@pytest.mark.parametrize("found", [((4, 2), (2, 0)), ((3, 2), (0, 0))])
def test_a_torch_that_places_shards_elsewhere_is_refused(found: Any, monkeypatch: pytest.MonkeyPatch):
    function = "torch.distributed.tensor._utils.compute_local_shape_and_global_offset"
    monkeypatch.setattr(function, lambda *_: found)
    with process(0, (2,)) as mesh, pytest.raises(TensorError, match=r"torch 2\..* places"):
        pieces(distribute_tensor(numbered(8, 2), mesh, [Shard(0)], src_data_rank=None))


def test_a_torch_without_the_private_function(monkeypatch: pytest.MonkeyPatch):
    with process(1, (2,)) as mesh:
        tensor = distribute_tensor(numbered(9, 2), mesh, [Shard(0)], src_data_rank=None)
        monkeypatch.delattr("torch.distributed.tensor._utils.compute_local_shape_and_global_offset")
        assert torch.equal(located(tensor), tensor.to_local())
        monkeypatch.delattr(DTensor, "__create_chunk_list__")
        shards._agreeing.clear()
        with pytest.raises(TensorError, match="global_shape and offset"):
            pieces(tensor)


def test_a_default_device_without_memory():
    with process(1, (2, 2)) as mesh:
        placements = [_StridedShard(0, split_factor=2), Shard(0)]
        tensor = distribute_tensor(numbered(9, 2), mesh, placements, src_data_rank=None)
        whole = located(tensor)
        with torch.device("meta"):
            assert [str(piece.box) for piece in pieces(tensor)] == ["5:7,0:2"]
        assert torch.equal(whole, tensor.to_local())
